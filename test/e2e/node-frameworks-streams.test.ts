/** Connections that stay: what the app had accepted before a swap is answered, and their clients find the new worker. */

import { EventEmitter, once } from 'node:events'
import http from 'node:http'
import grpc from '@grpc/grpc-js'
import { WebSocket } from 'undici'
import { expect, test } from 'vitest'
import { startLoad, summary } from '../support/load.ts'
import { type NodeService, startNode, swap } from '../support/node-apps.ts'
import { onEnd } from '../support/on-end.ts'

/** The full run is 50. */
const SWAPS = Number(process.env.AUTOUP_TEST_SWAPS ?? 3)
const TIMEOUT_MS = 60_000 + SWAPS * 20_000

const CLIENTS = 8
/** So long the app works on a message: past the beginning of the drain. */
const TAKES_MS = 600

test(
  `ws: through ${SWAPS} swaps no message is lost that the app had accepted before the drain`,
  async () => {
    const service = await startNode({ app: appAt('ws.mjs'), host: null })
    await service.master.next('worker-ready')
    for (let number = 1; number <= SWAPS; number++) {
      const clients = await Promise.all(Array.from({ length: CLIENTS }, () => webSocketClient(service.port)))
      const [pid] = await Promise.all(clients.map((client) => client.send(0)))
      const answers = clients.flatMap((client) => Array.from({ length: 5 }, () => client.send(TAKES_MS)))
      // What comes after them has been accepted after them.
      await Promise.all(clients.map((client) => client.send(0)))
      const [, ...pids] = await Promise.all([swap(service), ...answers])
      expect(new Set(pids), 'the old worker has answered all').toEqual(new Set([pid]))
      expect(await Promise.all(clients.map(({ closed }) => closed))).toEqual(clients.map(() => 1001))
    }
  },
  TIMEOUT_MS,
)

test(
  `event streams: through ${SWAPS} swaps each is completed, and goes on where it was`,
  async () => {
    const service = await startNode({ app: appAt('events.mjs'), host: null })
    await service.master.next('worker-ready')
    const load = await startLoad({ target: service.port, rate: 100, identify: /"pid":(\d+)/, maxMs: 600_000 })
    const stream = eventClient(service.port)
    for (let number = 1; number <= SWAPS; number++) {
      await stream.next()
      await swap(service)
    }
    const { ids, pids } = await stream.end()
    expect(ids, 'none is missing, none comes twice').toEqual(ids.map((_, index) => index + 1))
    expect(pids.size).toBeGreaterThan(1)
    const report = await load.stop()
    expect(report.failed, summary(report)).toBe(0)
  },
  TIMEOUT_MS,
)

test(
  `@grpc/grpc-js: through ${SWAPS} swaps every call of a client is answered`,
  async () => {
    const service = await startNode({ app: appAt('grpc.mjs'), host: null })
    await service.master.next('worker-ready')
    const client = new grpc.Client(`127.0.0.1:${service.port}`, grpc.credentials.createInsecure())
    onEnd(() => client.close())
    const pids = new Set<number>()
    const failures: string[] = []
    let isOver = false
    const calls = Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        while (!isOver) {
          try {
            pids.add((await say(client)).pid)
          } catch (error) {
            failures.push(String(error))
          }
        }
      }),
    )
    for (let number = 1; number <= SWAPS; number++) {
      await say(client)
      await swap(service)
    }
    await say(client)
    isOver = true
    await calls
    expect(failures).toEqual([])
    expect(pids.size).toBe(SWAPS + 1)
    expect(pids).toContain(await pidOf(service))
  },
  TIMEOUT_MS,
)

interface WebSocketClient {
  /** Resolves with the pid that has answered; fails when the connection ends before. */
  send(takesMs: number): Promise<number>
  /** The code of the good-bye. */
  readonly closed: Promise<number>
}

async function webSocketClient(port: number): Promise<WebSocketClient> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`)
  onEnd(() => socket.close())
  const due = new Map<number, PromiseWithResolvers>()
  let last = 0
  socket.addEventListener('message', ({ data }) => {
    const { number, pid } = JSON.parse(String(data))
    due.get(number)?.resolve(pid)
    due.delete(number)
  })
  const closed = new Promise<number>((resolve) => {
    socket.addEventListener('close', ({ code }) => {
      for (const [number, { reject }] of due) reject(new Error(`message ${number} was lost: closed with ${code}`))
      resolve(code)
    })
  })
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', ({ error }) => reject(error))
  })
  return {
    closed,
    send(takesMs) {
      const number = ++last
      return new Promise((resolve, reject) => {
        due.set(number, { resolve, reject })
        socket.send(JSON.stringify({ number, takesMs }))
      })
    },
  }
}

interface PromiseWithResolvers {
  resolve(pid: number): void
  reject(error: Error): void
}

interface EventClient {
  /** The next event. */
  next(): Promise<void>
  end(): { ids: number[]; pids: Set<number> }
}

/** As a browser's EventSource: when the stream is complete it asks for what comes after the last event. */
function eventClient(port: number): EventClient {
  const ids: number[] = []
  const pids = new Set<number>()
  const events = new EventEmitter()
  let request: http.ClientRequest | null = null
  const open = (): void => {
    const headers = { 'Last-Event-ID': String(ids.at(-1) ?? 0) }
    request = http.get({ port, host: '127.0.0.1', path: '/events', agent: false, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece
        for (const [whole, id, pid] of text.matchAll(/id: (\d+)\ndata: (\d+)\n\n/g)) {
          text = text.slice(text.indexOf(whole) + whole.length)
          ids.push(Number(id))
          pids.add(Number(pid))
          events.emit('next')
        }
      })
      response.on('end', open)
      response.on('error', (error) => events.emit('error', error))
    })
    request.on('error', (error) => events.emit('error', error))
  }
  const end = (): void => {
    request?.removeAllListeners('error').on('error', () => {})
    events.on('error', () => {})
    request?.destroy()
  }
  onEnd(end)
  open()
  return {
    async next() {
      await once(events, 'next')
    },
    end() {
      end()
      return { ids, pids }
    },
  }
}

/** The method that the app has, whose messages are JSON. */
function say(client: grpc.Client): Promise<{ pid: number }> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      '/hello.Hello/Say',
      (value: object) => Buffer.from(JSON.stringify(value)),
      (bytes) => JSON.parse(String(bytes)) as { pid: number },
      {},
      (error, answer) => {
        if (error || !answer) reject(error ?? new Error('no answer'))
        else resolve(answer)
      },
    )
  })
}

async function pidOf({ master }: NodeService): Promise<number | undefined> {
  return (await master.status()).workers[0]?.pid
}

function appAt(file: string): URL {
  return new URL(`../support/frameworks/${file}`, import.meta.url)
}
