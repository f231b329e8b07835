import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ask, askText } from '../support/ask.ts'
import { nodeServer, pythonServer, script } from '../support/builds.ts'
import { startLoad, summary } from '../support/load.ts'
import { type Master, said, startMaster, temporaryDirectory } from '../support/master.ts'
import { freePort } from '../support/ports.ts'
import { kill, listenersOn } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { startService } from '../support/service.ts'
import { until } from '../support/until.ts'

/** A command that serves on descriptor 3 and answers with what it was given. */
async function echo(args: string[], through: string[] = []): Promise<Master> {
  const path = join(temporaryDirectory(), 'app')
  script(`#!/usr/bin/env node
const names = (process.env.LISTEN_FDNAMES ?? '').split(':')
const own = process.env.LISTEN_PID === String(process.pid)
names.forEach((name, index) => require('node:http').createServer((request, response) => {
  response.setHeader('Connection', 'close')
  response.end(JSON.stringify({ version: name, pid: process.pid, generation: Number(process.env.AUTOUP_GENERATION), names, own }))
}).listen({ fd: 3 + index }))
process.on('SIGTERM', () => process.exit())
`)(path)
  return startMaster({ args, command: [path], through })
}

test.each([
  ['127.0.0.1:PORT', ['127.0.0.1:PORT']],
  ['[::1]:PORT', ['[::1]:PORT']],
  ['localhost:PORT', ['127.0.0.1:PORT']],
  ['PORT', ['127.0.0.1:PORT', '[::1]:PORT']],
])('--listen %s answers on %s', async (form, targets) => {
  const port = String(await freePort())
  const master = await echo(['--listen', form.replace('PORT', port)])
  await master.next('worker-ready')
  for (const target of targets) {
    expect(await ask(target.replace('PORT', port))).toMatchObject({ version: `port-${port}`, own: true })
  }
})

test('a unix socket has the mode asked for, and is unlinked at the final stop only', async () => {
  const path = join(temporaryDirectory(), 'app.sock')
  const master = await echo(['--listen', `unix:${path}?mode=0660`])
  await master.next('worker-ready')
  expect(statSync(path).mode & 0o777).toBe(0o660)
  expect(await ask(path)).toMatchObject({ version: 'app.sock' })
  const load = await startLoad({ target: path, rate: 100, newShare: 1 })
  master.signal('SIGUSR2')
  await master.next('promotion-ready')
  const report = await load.stop()
  expect(report.kinds.refused, summary(report)).toBe(0)
  expect(existsSync(path)).toBe(true)
  await master.stop()
  expect(existsSync(path)).toBe(false)
})

test('several listeners keep their order and names', async () => {
  const [one, two] = [await freePort(), await freePort()]
  const master = await echo(['--listen', `http=127.0.0.1:${one}`, '--listen', `admin=127.0.0.1:${two}`])
  await master.next('worker-ready')
  expect(await ask(one)).toMatchObject({ version: 'http', names: ['http', 'admin'] })
  expect(await ask(two)).toMatchObject({ version: 'admin' })
})

needs('systemd-socket-activate').test('a socket from LISTEN_FDS is taken over and passed on', async () => {
  const port = await freePort()
  const through = ['systemd-socket-activate', '-l', `127.0.0.1:${port}`, '--fdname=http']
  const master = await echo(['--listen', `http=127.0.0.1:${port}`], through)
  await until('it listens', () => listenersOn(port).length > 0)
  // It starts its program when the first client connects.
  expect(await ask(port)).toMatchObject({ version: 'http', own: true })
  expect(await master.next('listening')).toMatchObject({ name: 'http', how: 'inherited' })
  const before = await ask(port)
  master.signal('SIGUSR2')
  await master.next('promotion-ready')
  await master.waitFor((event) => event.type === 'worker-exited' && event.pid === before.pid, 'end of the old worker')
  expect(await ask(port)).toMatchObject({ version: 'http', generation: 2 })
})

needs('systemd-socket-activate').test('inherited sockets that no --listen names are passed on as well', async () => {
  const port = await freePort()
  const through = ['systemd-socket-activate', '-l', `127.0.0.1:${port}`, '--fdname=web']
  await echo([], through)
  await until('it listens', () => listenersOn(port).length > 0)
  expect(await ask(port)).toMatchObject({ version: 'web', names: ['web'] })
})

test('a client that connects while no worker lives waits and is answered later', async () => {
  const slowStart = nodeServer({ first: 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700);' })
  const service = await startService({ build: slowStart })
  const { pid } = await service.ask()
  kill(pid, 'SIGKILL')
  await service.master.next('worker-exited')
  const parked = await Promise.all([1, 2, 3, 4, 5].map(() => service.ask()))
  for (const answer of parked) expect(answer).toMatchObject({ version: '1' })
  expect(parked[0]!.pid).not.toBe(pid)
})

needs('python3').test('a socket that a worker shuts down for everybody is mended', async () => {
  const shut = `
import socket, threading
threading.Timer(1, lambda: socket.socket(fileno=os.dup(3)).shutdown(socket.SHUT_RDWR)).start()
`
  const service = await startService({ build: pythonServer('1', shut) })
  await service.master.next('listener-tended')
  expect(await service.ask()).toMatchObject({ version: '1' })
})

test('a busy port is refused with the name of who has it', async () => {
  const service = await startService()
  const second = await echo(['--listen', `127.0.0.1:${service.port}`])
  expect(await second.exited).toBe(1)
  expect(said(second)).toMatch(new RegExp(`${service.port}.*in use.*${service.master.pid}`))
  expect(await askText(service.port)).toContain('version')
})
