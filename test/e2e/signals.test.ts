/** Signals at moments and in places where they are easily wrong: before the master answers, and when its terminal goes. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { archive, nodeServer } from '../support/builds.ts'
import { workersOf } from '../support/faults-hand-over.ts'
import { linksOf, storeOf } from '../support/faults-store.ts'
import { tracedFromTheStart } from '../support/faults-strace.ts'
import { AUTOUP, startMaster, temporaryDirectory } from '../support/master.ts'
import { onEnd } from '../support/on-end.ts'
import { isAlive, kill } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { startService } from '../support/service.ts'
import { until } from '../support/until.ts'

/** For files named by `-P`. */
const SLOW_LOOKS = ['-e', 'trace=%%stat,statx', '-e', 'inject=%%stat,statx:delay_enter=250000']

/** Runs its arguments on a terminal of their own; `hup` on stdin signals by hand, the end of stdin closes the terminal. */
const ON_TERMINAL = `
import os, pty, signal, sys
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
print(pid, flush=True)
for line in sys.stdin: os.kill(pid, signal.SIGHUP)
os.close(fd)
os.write(1, b"ended with %d\\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`

const terminal = needs('python3')

terminal.test('ends when its terminal is gone, and not at a SIGHUP by hand', async () => {
  const stateDir = temporaryDirectory()
  const args = ['run', '--name', 'app', '--state-dir', stateDir, '--ready', 'uptime:10ms', '--', 'sleep', '600']
  const python = spawn('python3', ['-c', ON_TERMINAL, process.execPath, AUTOUP, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onEnd(() => python.kill('SIGKILL'))
  const [first] = (await once(python.stdout, 'data')) as [Buffer]
  const pid = Number(String(first))
  onEnd(() => isAlive(pid) && kill(pid, 'SIGKILL'))
  const file = join(stateDir, 'app', 'master.pid')
  await until('it runs', () => existsSync(file) && existsSync(join(stateDir, 'app', 'control.sock')))
  const status = async () => {
    const child = spawn(process.execPath, [AUTOUP, 'status', 'app', '--state-dir', stateDir, '--json'])
    let out = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text
    })
    await once(child, 'close')
    return out === '' ? null : (JSON.parse(out) as { state: string; workers: { pid: number; state: string }[] })
  }
  const worker = await until('a worker', async () => (await status())?.workers.find(({ state }) => state === 'ready'))
  python.stdin.write('hup\n')
  expect(await status()).toMatchObject({ state: 'idle' })
  const last = once(python.stdout, 'data')
  python.stdin.end()
  expect(String(await last)).toBe('ended with 0\n')
  expect(isAlive(worker.pid)).toBe(false)
  expect(existsSync(file)).toBe(false)
})

test('a SIGUSR2 that comes before it answers does not end it', async () => {
  const master = await startMaster({ args: ['--ready', 'uptime:10ms'], command: ['sleep', '600'] })
  const lock = join(master.home, 'lock')
  await until('it has its lock', () => existsSync(lock) && readFileSync(lock, 'utf8') !== '')
  master.signal('SIGUSR2')
  await master.waitFor((event) => event.type === 'promotion-started' && event.purpose === 'restart', 'restart')
  expect(await master.stop()).toBe(0)
})

describe('a SIGTERM while the master boots', () => {
  needs('strace').test('ends it in the middle of its look at the committed build', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `folder-${index}/file`)
    const files = Object.fromEntries(names.map((name) => [name, 'x']))
    const service = await startService({ file: 'app.tar.gz', build: archive(nodeServer({ version: '1' }), files) })
    await service.master.stop()
    const paths = storeOf(service.master)
    const tree = join(paths.builds, linksOf(paths).current ?? '', 'tree')
    // Each look at one of its files takes a quarter of a second.
    const through = tracedFromTheStart('-f', ...names.flatMap((name) => ['-P', join(tree, name)]), ...SLOW_LOOKS)
    const args = ['--fetch', `file:${service.path}`, '--listen', `127.0.0.1:${service.port}`]
    const master = await startMaster({ args, stateDir: service.master.stateDir, through })
    await until('it has its lock', () => readFileSync(paths.lock, 'utf8') === `${master.pid}\n`)
    expect(await master.stop()).toBe(0)
    expect(master.events.map(({ type }) => type)).not.toContain('listening')
  })

  needs('strace').test('ends it while it waits for workers whose sockets it cannot have', async () => {
    const service = await startService({ args: ['--drain-timeout', '60s'] })
    const [orphan] = workersOf(service.master)
    const slow = service.ask('/slow?ms=60000').catch(() => null)
    await service.master.kill9()
    const through = tracedFromTheStart('-e', 'trace=pidfd_getfd', '-e', 'inject=pidfd_getfd:error=EPERM')
    const args = ['--fetch', `file:${service.path}`, '--listen', `127.0.0.1:${service.port}`, '--drain-timeout', '60s']
    const master = await startMaster({ args, stateDir: service.master.stateDir, through })
    await master.waitFor((event) => event.type === 'warning' && /drained first/.test(event.message), 'wait')
    master.signal('SIGTERM')
    // As a second one would, which the kernel may join with the first.
    master.signal('SIGQUIT')
    expect(await master.exited).toBe(0)
    expect(isAlive(orphan!)).toBe(false)
    expect(master.events.map(({ type }) => type)).not.toContain('worker-started')
    expect(await slow).toBeNull()
  })
})

test('a SIGTERM while a preflight runs ends that, too', async () => {
  const folder = temporaryDirectory()
  const path = join(folder, 'app')
  nodeServer({ version: '1' })(path)
  const started = join(folder, 'started')
  const args = ['--fetch', `file:${path}`, '--listen', '127.0.0.1:0', '--preflight', `touch ${started}; exec sleep 600`]
  const master = await startMaster({ args })
  await until('it runs', () => existsSync(started))
  expect(await Promise.race([master.stop(), setTimeout(10_000, 'too late', { ref: false })])).toBe(0)
})
