/**
 * What `http.Server.Shutdown` of Go's net/http promises, kept for a Node app that has no such call in it, and two things
 * that it does not promise: an idle keep-alive connection is not reset, and an upgraded one is not left to itself.
 */

import { existsSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { askText } from '../../support/ask.ts'
import { hold } from '../../support/held.ts'
import { summary } from '../../support/load.ts'
import { temporaryDirectory } from '../../support/master.ts'
import { onEnd } from '../../support/on-end.ts'
import { type PlainApp, plainApp, TEST_PORT } from '../../support/plain-app.ts'
import { isAlive } from '../../support/processes.ts'
import { BY_HAND, startService } from '../../support/service.ts'
import { areGone, leavesTheSocket, pidOf, swapTo } from '../../support/swap.ts'

const app = (version: string, more: PlainApp = {}) => plainApp({ version, ...more })

test('in a stop, what is in flight is answered, and nothing new is accepted', async () => {
  const service = await startService({ build: app('1'), args: BY_HAND })
  const worker = await pidOf(service)
  const held = [await hold(service.port), await hold(service.port), await hold(service.port)]
  service.master.signal('SIGTERM')
  await leavesTheSocket(worker, service.port)
  expect(isAlive(worker)).toBe(true)
  for (const each of held) expect(await each.finish()).toMatchObject({ version: '1', pid: worker })
  expect(await service.master.exited).toBe(0)
  await expect(askText(service.port)).rejects.toThrow(/ECONNREFUSED/)
})

test('in a swap, what is in flight is answered, and what is new goes to the new one', async () => {
  const service = await startService({ build: app('1'), args: BY_HAND })
  const held = [await hold(service.port), await hold(service.port), await hold(service.port)]
  const old = await swapTo(service, app('2'))
  expect(await service.ask()).toMatchObject({ version: '2' })
  for (const each of held) expect(await each.finish()).toMatchObject({ version: '1', pid: old })
  await areGone(old)
})

test('a connection that is idle when its worker begins to drain gets an answer to its next request, and then ends', async () => {
  const service = await startService({ build: patient('1'), args: BY_HAND })
  const clients = await Promise.all([1, 2, 3].map(() => connect(service.port)))
  for (const client of clients) expect(await client.ask(REQUEST)).toMatch(/^HTTP\/1.1 200.*"version":"1"/s)
  const old = await swapTo(service, app('2'))
  for (const client of clients) {
    const answer = await Promise.race([client.ask(REQUEST), client.ended])
    expect(answer, 'it was not closed before').toMatch(/^HTTP\/1.1 200.*connection: close.*"version":"1"/is)
    await client.ended
  }
  await areGone(old)
})

test('no idle keep-alive connection is reset, in swap after swap, for clients that do not try twice', async () => {
  const service = await startService({ build: app('1'), args: BY_HAND })
  const load = await service.load({ rate: 200, newShare: 0.1, keepAlive: 24 })
  for (const version of ['2', '3', '4', '5', '6']) {
    await swapTo(service, app(version))
    await load.waitFor((report) => report.versions[version] !== undefined, `answer of v${version}`)
  }
  const report = await load.stop()
  expect(report.failed, summary(report)).toBe(0)
  expect(report.connections).toBeGreaterThan(0)
})

test('a connection that stays idle holds nobody back for longer than the app itself would keep it', async () => {
  const service = await startService({
    build: impatient('1'),
    args: BY_HAND,
  })
  const client = await connect(service.port)
  expect(await client.ask(REQUEST)).toMatch(/^HTTP\/1.1 200/)
  const old = await swapTo(service, app('2'))
  await client.ended
  await areGone(old)
  expect(service.master.events.filter(({ type }) => type === 'worker-killed')).toEqual([])
})

test('a websocket holds no swap back: it goes on, is told to go, and where it stays is cut when the drain timeout nears', async () => {
  const service = await startService({ build: app('1'), args: [...BY_HAND, '--drain-timeout', '3s'] })
  const [polite, deaf] = [await connect(service.port), await connect(service.port)]
  for (const client of [polite, deaf]) expect(await client.ask(UPGRADE)).toMatch(/^HTTP\/1.1 101/)
  for (const client of [polite, deaf]) client.when(GOING_AWAY, (socket) => socket.write('still here'))
  polite.when('still here', (socket) => socket.end())
  const old = await swapTo(service, app('2'))
  expect(await service.ask()).toMatchObject({ version: '2' })
  await Promise.all([polite.ended, deaf.ended])
  for (const client of [polite, deaf]) {
    expect(client.received(), 'the app had it, and answered').toContain('still here')
    expect(client.received().split(GOING_AWAY), 'it was told, and once').toHaveLength(2)
  }
  await areGone(old)
  expect(service.master.events.filter(({ type }) => type === 'worker-killed')).toEqual([])
})

test('the app’s own handler of the signal runs, as what was given to RegisterOnShutdown', async () => {
  const told = join(temporaryDirectory(), 'told')
  const first = `process.on('SIGTERM', () => { require('node:fs').writeFileSync(${JSON.stringify(told)}, ''); process.exit() })`
  const service = await startService({ build: app('1', { first }), args: BY_HAND })
  const old = await swapTo(service, app('2'))
  await areGone(old)
  expect(existsSync(told)).toBe(true)
})

/** Keeps an idle connection longer than any test takes; and hardly at all. */
const patient = (version: string) => app(version, { doors: [{ name: 'http', where: TEST_PORT, keepAliveMs: 100_000 }] })
const impatient = (version: string) => app(version, { doors: [{ name: 'http', where: TEST_PORT, keepAliveMs: 300 }] })

const REQUEST = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
const UPGRADE = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
/** A close frame of a server, code 1001 (RFC 6455, 5.5.1), as latin1. */
const GOING_AWAY = '\x88\x02\x03\xe9'

interface Client {
  /** Writes, and resolves with what comes next. */
  ask(text: string): Promise<string>
  /** All that has come. */
  received(): string
  /** Once this has come. */
  when(text: string, act: (socket: net.Socket) => void): void
  readonly ended: Promise<void>
}

function connect(port: number): Promise<Client> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1')
    onEnd(() => socket.destroy())
    const ended = new Promise<void>((end) => socket.on('close', () => end()))
    let all = ''
    const due = new Map<string, (socket: net.Socket) => void>()
    socket.setEncoding('latin1')
    socket.on('data', (chunk) => {
      all += chunk
      for (const [text, act] of due) {
        if (all.includes(text) && due.delete(text)) act(socket)
      }
    })
    socket.on('error', reject)
    socket.on('connect', () =>
      resolve({
        ended,
        received: () => all,
        when: (text, act) => void due.set(text, act),
        ask: (text) =>
          new Promise((answer) => {
            socket.once('data', (chunk) => answer(String(chunk)))
            socket.write(text)
          }),
      }),
    )
  })
}
