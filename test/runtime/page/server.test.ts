import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, expect, test, vi } from 'vitest'
import type { AutoupEvent } from '../../../src/core/events.ts'
import type { Sight } from '../../../src/core/sight.ts'
import { startPageServer } from '../../../src/runtime/page/server.ts'
import { STATUS } from '../../cli/fake-master.ts'
import { onEnd } from '../../support/on-end.ts'
import { until } from '../../support/until.ts'

const SIGHT: Sight = { status: STATUS, releases: [], events: [], checks: [], progress: null }

interface Served {
  readonly port: number
  /** Functions that wait for events. */
  readonly listeners: Set<() => void>
  parts: Record<string, string>
  rendered: number
}

async function serve(hosts: readonly string[] = []): Promise<Served> {
  const listeners = new Set<() => void>()
  const served = { port: 0, listeners, parts: { head: 'one', log: 'a' } as Record<string, string>, rendered: 0 }
  const opened = withResolvers<AutoupEvent>()
  const server = startPageServer(
    { address: { family: 'tcp', host: '127.0.0.1', port: 0 }, hosts },
    {
      sight: async () => SIGHT,
      metrics: async () => ({ contentType: 'text/plain', text: 'autoup_up 1\n' }),
      subscribe: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
    {
      style: 'p {}',
      script: 'run()',
      document: () => '<p>page</p>',
      parts: () => {
        served.rendered++
        return { ...served.parts }
      },
    },
    (event) => opened.resolve(event),
  )
  onEnd(() => server.close())
  const event = await opened.promise
  if (event.type !== 'page-opened') throw new Error(JSON.stringify(event))
  served.port = Number(event.address.split(':').pop())
  return served
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

/** Everything that comes back for these bytes. */
async function raw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(bytes)
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}

function get(port: number, path: string, host = '127.0.0.1', method = 'GET'): Promise<string> {
  return raw(port, `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
}

/** A reader of /live with the events it got so far. */
async function read(port: number): Promise<{ socket: Socket; events: Record<string, string>[] }> {
  const socket = connect(port, '127.0.0.1')
  onEnd(() => socket.destroy())
  const events: Record<string, string>[] = []
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    const blocks = (text + chunk).split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = /event: parts\ndata: (.*)$/.exec(block)
      if (data) events.push(JSON.parse(data[1] as string))
    }
  })
  socket.on('error', () => {})
  socket.write('GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await until('the first parts', () => events.length > 0)
  return { socket, events }
}

describe('what is served', () => {
  test('the page, with a policy that lets it run only what is in it', async () => {
    const { port } = await serve()
    const answer = await get(port, '/')
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\nContent-Type: text\/html; charset=utf-8\r\n/)
    expect(answer).toContain(
      "Content-Security-Policy: default-src 'none'; style-src 'sha256-SNJDlN1Iy2mnt7DOjQIyDb2LQE6O5PQiSZomcdzawQ4='; script-src 'sha256-",
    )
    expect(answer).toMatch(/X-Content-Type-Options: nosniff\r\n/)
    expect(answer).toMatch(/\r\n\r\n<p>page<\/p>$/)
  })

  test('the metrics', async () => {
    const { port } = await serve()
    expect(await get(port, '/metrics')).toMatch(/Content-Type: text\/plain\r\n[\s\S]*\r\n\r\nautoup_up 1\n$/)
  })

  test('HEAD describes what GET would give', async () => {
    const { port } = await serve()
    expect(await get(port, '/', 'localhost', 'HEAD')).toMatch(
      /^HTTP\/1\.1 200 OK\r\n[\s\S]*Content-Length: 11\r\n[\s\S]*\r\n\r\n$/,
    )
    expect(await get(port, '/live', 'localhost', 'HEAD')).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n$/)
  })
})

describe('what is refused, in one sentence', () => {
  test.each([
    ['POST', '/', '127.0.0.1', 405, /takes GET, not POST: nothing can be changed here/],
    ['DELETE', '/metrics', '127.0.0.1', 405, /takes GET/],
    ['POST', '/upgrade', '127.0.0.1', 404, /no \/upgrade here/],
    ['GET', '/status', '127.0.0.1', 404, /see \/ and \/metrics/],
    ['GET', '/', 'evil.example', 421, /--metrics ADDR\?host=evil\.example/],
    ['GET', '/live', 'evil.example:9090', 421, /--metrics ADDR\?host=evil\.example"/],
    ['GET', '/metrics', '', 421, /does not go by the name/],
  ])('%s %s of %j', async (method, path, host, status, words) => {
    const { port } = await serve()
    const answer = await get(port, path, host, method)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} \\w`))
    expect(answer).toMatch(words)
    if (status === 405) expect(answer).toContain('Allow: GET, HEAD\r\n')
  })

  test('a request without Host, and one that is none', async () => {
    const { port } = await serve()
    expect(await raw(port, 'GET / HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1\.1 421 /)
    expect(await raw(port, 'hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
  })

  test('a name that it was given is its own', async () => {
    const { port } = await serve(['web1.example.com'])
    expect(await get(port, '/', 'web1.example.com:9090')).toMatch(/^HTTP\/1\.1 200 /)
  })
})

describe('the live parts', () => {
  test('come whole at first, then what has changed', async () => {
    const served = await serve()
    const { events } = await read(served.port)
    expect(events).toEqual([{ head: 'one', log: 'a' }])
    served.parts = { head: 'two', log: 'a' }
    for (const listener of served.listeners) listener()
    await until('the change', () => events.length === 2)
    expect(events[1]).toEqual({ head: 'two' })
  })

  test('a burst of events is rendered once, and one reader costs as much as ten', async () => {
    const served = await serve()
    const readers = await Promise.all(Array.from({ length: 10 }, () => read(served.port)))
    expect(served.listeners.size).toBe(1)
    const before = served.rendered
    served.parts = { head: 'two', log: 'a' }
    for (let each = 0; each < 100; each++) for (const listener of served.listeners) listener()
    await until('all have it', () => readers.every(({ events }) => events.at(-1)?.head === 'two'))
    expect(served.rendered).toBe(before + 1)
  })

  test('end with the last reader: nobody listens and nothing is rendered any more', async () => {
    const served = await serve()
    const readers = await Promise.all([read(served.port), read(served.port)])
    readers[0]?.socket.destroy()
    readers[1]?.socket.resetAndDestroy()
    await until('nobody listens', () => served.listeners.size === 0)
  })

  test('a reader that does not read is cut off', async () => {
    const served = await serve()
    const { socket } = await read(served.port)
    socket.pause()
    await until('it is cut off', () => {
      served.parts = { head: `${Math.random()}${'x'.repeat(300_000)}`, log: 'a' }
      for (const listener of served.listeners) listener()
      return served.listeners.size === 0
    })
  })
})

test('who takes no answer, or does not hang up, keeps no connection from others', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onEnd(() => void vi.useRealTimers())
  const { port } = await serve()
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  onEnd(() => void socket.destroy())
  socket.on('error', () => {})
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await once(socket.resume(), 'end')
  vi.advanceTimersByTime(30_000)
  vi.useRealTimers()
  // What is sent to nobody is answered by a reset.
  await until('the server has let go', () => !socket.write('x') || socket.destroyed)
})
