import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ask, askText } from '../support/ask.ts'
import { nodeServer, publish, pythonServer, script } from '../support/builds.ts'
import { startConfigured, writeConfig } from '../support/configured.ts'
import { startLoad, summary } from '../support/load.ts'
import { AUTOUP, autoup, type Master, startMaster, temporaryDirectory } from '../support/master.ts'
import { onEnd } from '../support/on-end.ts'
import { freePort } from '../support/ports.ts'
import { kill } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { until } from '../support/until.ts'

const COMMAND = ['./app']
const QUICK = { 'ready-timeout': '5s', 'drain-timeout': '10s' }

/** The inode of each socket, as the master wrote it down. */
function inodes({ home }: Master): Record<string, number> {
  const { listeners } = JSON.parse(readFileSync(join(home, 'state.json'), 'utf8'))
  return Object.fromEntries(listeners.map(({ address, inode }: { address: string; inode: number }) => [address, inode]))
}

test('a listener is added, one removed and one kept, under load on the kept one, and none of its requests fails', async () => {
  const [kept, removed, added] = [await freePort(), await freePort(), await freePort()]
  const listen = (...ports: number[]) => ({
    command: COMMAND,
    ...QUICK,
    listen: ports.map((port) => `127.0.0.1:${port}`),
  })
  const { master, write, hup } = await startConfigured(listen(kept, removed))
  await master.next('worker-ready')
  const load = await startLoad({ target: kept, rate: 300, newShare: 0.5 })
  const slow = ask(removed, '/?ms=1500')
  const before = inodes(master)
  for (let round = 0; round < 3; round++) {
    const since = master.mark()
    const [from, to] = round % 2 === 0 ? [removed, added] : [added, removed]
    write(listen(to, kept))
    expect(await hup()).toMatchObject({ outcome: 'applied', message: 'changed: listen' })
    await master.waitFor((event) => event.type === 'settled' && event.outcome === 'restarted', 'restart', { since })
    expect(await ask(to)).toMatchObject({ name: `port-${to}`, generation: round + 2 })
    await master.waitFor(
      (event) => event.type === 'listener-closed' && event.address === `127.0.0.1:${from}`,
      'end of the socket',
      { since },
    )
    await expect(ask(from)).rejects.toThrow('ECONNREFUSED')
    const { listen: shown } = await master.status()
    expect(shown.map(({ address }) => address)).toEqual([`127.0.0.1:${to}`, `127.0.0.1:${kept}`])
  }
  expect(await slow).toMatchObject({ generation: 1 })
  expect(inodes(master)[`127.0.0.1:${kept}`]).toBe(before[`127.0.0.1:${kept}`])
  const report = await load.stop()
  expect(report.failed, summary(report)).toBe(0)
  process.stderr.write(`3 reloads: ${report.sent} requests, slowest ${Math.round(report.slowestMs)} ms\n`)
  expect(await master.stop()).toBe(0)
})

test('a socket that is asked for again while the old generation drains is still the same', async () => {
  const [kept, back] = [await freePort(), await freePort()]
  const listen = (...ports: number[]) => ({
    command: COMMAND,
    ...QUICK,
    listen: ports.map((port) => `127.0.0.1:${port}`),
  })
  const { master, write, hup } = await startConfigured(listen(kept, back))
  await master.next('worker-ready')
  const before = inodes(master)
  const slow = ask(back, '/?ms=3000')
  await ask(kept)
  let since = master.mark()
  write(listen(kept))
  await hup()
  await master.next('worker-draining', { since })
  since = master.mark()
  write(listen(kept, back))
  expect(await hup()).toMatchObject({ outcome: 'applied' })
  await master.waitFor((event) => event.type === 'settled' && event.outcome === 'restarted', 'restart', { since })
  expect(await ask(back)).toMatchObject({ generation: 3 })
  expect(inodes(master)).toEqual(before)
  expect(await slow).toMatchObject({ generation: 1 })
  expect(await master.stop()).toBe(0)
  expect(master.events.filter(({ type }) => type === 'listener-closed')).toEqual([])
})

needs('python3').test('a socket that nobody asks for any more listens for as long as a worker serves it', async () => {
  const [leaving, kept] = [await freePort(), await freePort()]
  // It shuts the socket down for everybody when it is told to, and a second generation does not get ready.
  const program = join(temporaryDirectory(), 'app')
  pythonServer(
    '1',
    `
if os.environ["AUTOUP_GENERATION"] == "1":
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
signal.signal(signal.SIGUSR1, lambda *_: socket.socket(fileno=os.dup(3)).shutdown(socket.SHUT_RDWR))
`,
  )(program)
  const listen = (...ports: number[]) => ({
    ...{ command: [program], ready: 'notify', 'ready-timeout': '30s' },
    listen: ports.map((port) => `127.0.0.1:${port}`),
  })
  const { master, write, hup } = await startConfigured(listen(leaving, kept))
  const { pid } = await master.next('worker-ready')
  write(listen(kept))
  expect(await hup()).toMatchObject({ outcome: 'applied' })
  await master.waitFor((event) => event.type === 'worker-started' && event.generation === 2, 'second generation')
  kill(pid, 'SIGUSR1')
  expect(await master.next('listener-tended')).toMatchObject({ address: `127.0.0.1:${leaving}` })
  expect(await ask(leaving)).toMatchObject({ generation: 1, pid })
})

test('what only the master minds is taken up without a new worker', async () => {
  const port = await freePort()
  const content = { command: COMMAND, ...QUICK, listen: port }
  const { master, write, hup } = await startConfigured(content)
  await master.next('worker-ready')
  const [first] = (await master.status()).workers
  write({ ...content, probation: '1s', instances: 2 })
  expect(await hup()).toMatchObject({ outcome: 'applied', message: 'changed: instances, probation' })
  const more = await master.waitFor(
    (event) => event.type === 'worker-ready' && event.pid !== first!.pid,
    'second worker',
  )
  expect(more).toMatchObject({ generation: 1 })
  expect((await master.status()).workers.map(({ pid, generation }) => [pid, generation])).toContainEqual([
    first!.pid,
    1,
  ])
  expect(await hup()).toMatchObject({ outcome: 'unchanged' })
})

test('a bad file is refused as a whole, with its mistake in the log and in the answer', async () => {
  const [port, other] = [await freePort(), await freePort()]
  const content = { command: COMMAND, ...QUICK, listen: `127.0.0.1:${port}`, instances: 1 }
  const { master, file, write, hup } = await startConfigured(content)
  await master.next('worker-ready')
  const both = [`127.0.0.1:${port}`, `127.0.0.1:${other}`]
  const blocker = net.createServer().listen(0, '127.0.0.1')
  await once(blocker, 'listening')
  onEnd(() => blocker.close())
  const { port: taken } = blocker.address() as net.AddressInfo
  const bad: [unknown, RegExp][] = [
    ['{\n  "command": ["./app"],\n}', /autoup\.config\.json:3:1: this is not JSON/],
    [{ ...content, listen: both, instances: 'two' }, /instances must be a whole number, not a text/],
    [{ ...content, listen: both, intervall: '5s' }, /did you mean 'interval'/],
    [{ ...content, listen: [...both, `127.0.0.1:${taken}`] }, /cannot listen on 127\.0\.0\.1:\d+: the port is in use/],
    [{ ...content, listen: both, command: undefined, fetch: 'file:app' }, /fetch cannot change while it runs/],
    [{ ...content, listen: both, command: ['./nowhere'] }, /nowhere/],
    [{ ...content, listen: both, user: 'nobody-such' }, /nobody-such/],
  ]
  for (const [next, message] of bad) {
    write(next)
    expect(await hup(), JSON.stringify(next)).toMatchObject({
      outcome: 'refused',
      message: expect.stringMatching(message),
    })
    const { code, stderr } = await master.cli('reload')
    expect(code, stderr).toBeGreaterThan(0)
    expect(stderr).toMatch(message)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    await expect(ask(other)).rejects.toThrow('ECONNREFUSED')
  }
  expect(await ask(port)).toMatchObject({ generation: 1 })
  write('{')
  expect(await autoup(['reload', '--config', file])).toMatchObject({ code: 2 })
  write({ ...content, listen: both })
  expect(await master.cli('reload')).toMatchObject({ code: 0, stderr: 'app: changed: listen\n' })
})

needs('root', 'setpriv', 'open-project').test('a user whom the master may not start is refused', async () => {
  const [stateDir, directory] = [temporaryDirectory(), temporaryDirectory()]
  chmodSync(stateDir, 0o777)
  chmodSync(directory, 0o755)
  const content = { command: ['sleep', '1000'], ready: 'uptime:10ms' }
  const through = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
  const master = await startMaster({ stateDir, through, args: ['--config', writeConfig(directory, content)] })
  await master.next('worker-ready')
  writeConfig(directory, { ...content, user: 'root' })
  const { code, stderr } = await master.cli('reload')
  expect(code, stderr).toBe(1)
  expect(stderr).toMatch(/cannot start workers as the user 'root', since only root may change users: /)
})

test('a command that does not get ready leaves the old one serving until the file is right again', async () => {
  const port = await freePort()
  const content = { command: COMMAND, ...QUICK, listen: `127.0.0.1:${port}` }
  const { master, directory, write, hup } = await startConfigured(content)
  await master.next('worker-ready')
  script('#!/bin/sh\nexit 3\n')(join(directory, 'broken'))
  write({ ...content, command: ['./broken'] })
  expect(await hup()).toMatchObject({ outcome: 'applied' })
  await master.next('promotion-failed')
  expect(await ask(port)).toMatchObject({ generation: 1 })
  write({ ...content, command: ['./app', 'again'] })
  await hup()
  await master.waitFor((event) => event.type === 'worker-exited' && event.generation === 1, 'end of the old one')
  expect(JSON.parse(await askText(port))).toMatchObject({ argv: ['again'] })
})

test('an environment file with something else in it reaches new workers', async () => {
  const port = await freePort()
  const env = join(temporaryDirectory(), 'env')
  writeFileSync(env, 'WORD=one\n')
  const { master, hup } = await startConfigured({ command: COMMAND, ...QUICK, listen: port, 'env-file': env })
  await master.next('worker-ready')
  writeFileSync(env, 'WORD=two\n')
  expect(await hup()).toMatchObject({ outcome: 'applied', message: 'changed: env-file' })
  await master.waitFor((event) => event.type === 'worker-exited' && event.generation === 1, 'end of the old one')
  expect(JSON.parse(await askText(port))).toMatchObject({ word: 'two' })
})

test('another source is followed at once, and during a promotion only when that has ended', async () => {
  const port = await freePort()
  const folder = temporaryDirectory()
  const [one, two] = [join(folder, 'one'), join(folder, 'two')]
  publish(one, nodeServer({ version: 'one' }))
  publish(two, nodeServer({ version: 'two' }))
  const content = { fetch: `file:${one}`, ...QUICK, listen: `127.0.0.1:${port}`, probation: '1s', interval: '1h' }
  const { master, write, hup } = await startConfigured(content)
  // The first build is on probation.
  await master.next('promotion-ready')
  write({ ...content, fetch: `file:${two}` })
  const since = master.mark()
  expect(await hup()).toMatchObject({ outcome: 'waiting', message: expect.stringContaining('upgrade') })
  const committed = await master.next('build-committed', { since })
  const applied = await master.next('settings-applied', { since })
  expect(applied.sequence).toBeGreaterThan(committed.sequence)
  await master.waitFor(
    (event) => event.type === 'build-committed' && event.build !== committed.build,
    'commit of the other source',
  )
  expect(await ask(port)).toMatchObject({ version: 'two' })
  expect(await master.status()).toMatchObject({ source: `file:${two}` })
})

test('in the folder of the file no option is needed; the name stays, another log format holds from the next line on', async () => {
  const directory = temporaryDirectory()
  const write = (content: object) => writeFileSync(join(directory, 'autoup.config.json'), JSON.stringify(content))
  const content = { name: 'one', 'state-dir': 'state', command: ['sleep', '600'], ready: 'uptime:10ms' }
  write({ ...content, 'log-format': 'json' })
  const log = join(directory, 'log')
  const fd = openSync(log, 'a')
  const child = spawn(process.execPath, [AUTOUP, 'run'], { cwd: directory, stdio: ['ignore', 'ignore', fd] })
  closeSync(fd)
  const exited = once(child, 'exit')
  onEnd(async () => {
    child.kill('SIGTERM')
    await exited
  })
  const lines = () => readFileSync(log, 'utf8').trimEnd().split('\n')
  await until('a ready worker', () => lines().some((line) => line.includes('"worker-ready"')))
  const cli = (...words: string[]) => autoup(words, { cwd: directory })
  expect(await cli('status', '--json')).toMatchObject({ code: 0, stdout: expect.stringContaining('"name":"one"') })
  write({ ...content, name: 'other', 'log-format': 'journal' })
  expect(await cli('reload', 'one')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^one: name cannot change while it runs: .*; everything stays as it was\n$/),
  })
  expect(lines().at(-1)).toMatch(/^\{/)
  write({ ...content, 'log-format': 'journal' })
  expect(await cli('reload')).toMatchObject({ code: 0, stderr: 'one: changed: log-format\n' })
  expect(lines().at(-1)).not.toMatch(/^\{/)
  expect(await cli('stop')).toMatchObject({ code: 0 })
  await exited
})

test('a master without a file has nothing to read again', async () => {
  const master = await startMaster({ args: ['--ready', 'uptime:10ms'], command: ['sleep', '600'] })
  await master.next('worker-ready')
  master.signal('SIGHUP')
  expect(await master.next('reload-finished')).toMatchObject({ outcome: 'unchanged' })
})
