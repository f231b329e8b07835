import { once } from 'node:events'
import net from 'node:net'
import { expect, test } from 'vitest'
import { type LoadOptions, type LoadReport, startLoad } from './load.ts'
import { onEnd } from './on-end.ts'
import { freePort } from './ports.ts'

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"version":"7"}'

/** Sends ten requests to a server that treats the n-th request (from 1) of each connection as told. */
async function loaded(
  serve: (socket: net.Socket, nth: number) => void,
  options: Partial<LoadOptions>,
): Promise<LoadReport> {
  const server = net.createServer((socket) => {
    let nth = 0
    socket.on('error', () => {})
    socket.on('data', () => serve(socket, ++nth))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  onEnd(() => server.close())
  const load = await startLoad({ target: port, rate: 200, maxRequests: 10, timeoutMs: 300, ...options })
  return load.waitFor((report) => report.isDone, 'end')
}

test('counts every answer, by version', async () => {
  const report = await loaded((socket) => socket.write(ANSWER), {})
  expect(report).toMatchObject({ sent: 10, answered: 10, failed: 0, versions: { 7: { answered: 10 } } })
})

test('half of the requests come on new connections, the rest share the kept ones', async () => {
  const report = await loaded((socket) => socket.write(ANSWER), { newShare: 0.5, keepAlive: 2 })
  expect(report.connections).toBeLessThanOrEqual(7)
  expect(report.connections).toBeGreaterThan(5)
})

test('a reset of a reused connection is a race, not a reset of a new one', async () => {
  const report = await loaded((socket, nth) => (nth > 1 ? socket.resetAndDestroy() : socket.write(ANSWER)), {
    newShare: 0,
    keepAlive: 1,
  })
  expect(report).toMatchObject({ answered: 5, failed: 5, kinds: { raced: 5, reset: 0 } })
})

test('a new connection that ends before an answer is a reset', async () => {
  const report = await loaded((socket) => socket.end(), { newShare: 1 })
  expect(report).toMatchObject({ answered: 0, failed: 10, kinds: { reset: 10 } })
  expect(report.failures[0]).toMatchObject({ kind: 'reset', detail: 'closed before an answer' })
})

test('an answer that stops in the middle is cut', async () => {
  const report = await loaded((socket) => socket.end(ANSWER.slice(0, -3)), {})
  expect(report).toMatchObject({ failed: 10, kinds: { cut: 10 } })
})

test('no answer in time is a timeout, and the requests behind it are not forgotten', async () => {
  const report = await loaded(() => {}, { newShare: 0, keepAlive: 1 })
  expect(report).toMatchObject({ sent: 10, answered: 0, failed: 10, kinds: { timeout: 10 } })
})

test('another status is a failure', async () => {
  const report = await loaded((socket) => socket.write(ANSWER.replace('200', '503')), {})
  expect(report).toMatchObject({ failed: 10, kinds: { status: 10 } })
})

test('a connection that the server closes while it is idle is no failure, or else a race', async () => {
  const report = await loaded((socket) => socket.end(ANSWER), { rate: 20, newShare: 0, keepAlive: 1 })
  expect(report.idleClosed).toBeGreaterThan(0)
  expect(report.kinds).toMatchObject({ raced: report.failed, reset: 0 })
})

test('nobody there is a refusal', async () => {
  const load = await startLoad({ target: await freePort(), maxRequests: 5 })
  expect(await load.stop()).toMatchObject({ answered: 0, kinds: { refused: expect.any(Number) } })
})
