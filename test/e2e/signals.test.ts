/** Signals at moments and in places where they are easily wrong: before the master answers, and when its terminal goes. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { nodeServer } from '../support/builds.ts'
import { AUTOUP, startMaster, temporaryDirectory } from '../support/master.ts'
import { onEnd } from '../support/on-end.ts'
import { isAlive, kill } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { until } from '../support/until.ts'

/** Runs its arguments on a terminal of their own; `hup` on stdin signals by hand, the end of stdin closes the terminal. */
const ON_TERMINAL = `
import os, pty, signal, sys
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
print(pid, flush=True)
for line in sys.stdin: os.kill(pid, signal.SIGHUP)
os.close(fd)
os.waitpid(pid, 0)
print("gone", flush=True)
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
  python.stdin.end()
  await until('it has stopped', () => !isAlive(pid))
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
