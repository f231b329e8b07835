/** How a Node app that knows nothing of it leaves: nothing it has begun is lost, and its own handlers come last. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import http2 from 'node:http2'
import net from 'node:net'
import tls from 'node:tls'
import { expect, test } from 'vitest'
import { ask } from '../support/ask.ts'
import { certificate } from '../support/certificate.ts'
import { type NodeService, PLAIN, startNode, swap, writtenTo } from '../support/node-apps.ts'
import { onEnd } from '../support/on-end.ts'
import { needs } from '../support/requirements.ts'
import { until } from '../support/until.ts'

/** Keeps its connection as long as the server lets it. */
function keepAlive(port: number): { ask(path?: string): Promise<http.IncomingMessage & { text: string }> } {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  onEnd(() => agent.destroy())
  return {
    ask: (path = '/') =>
      new Promise((resolve, reject) => {
        const request = http.get({ port, host: '127.0.0.1', path, agent }, (response) => {
          let text = ''
          response.on('data', (chunk) => {
            text += chunk
          })
          response.on('end', () => resolve(Object.assign(response, { text })))
          response.on('error', reject)
        })
        request.on('error', reject)
      }),
  }
}

/** The first answer that closes the connection: the signal takes a moment. */
async function lastAnswer(client: ReturnType<typeof keepAlive>): ReturnType<typeof client.ask> {
  for (;;) {
    const answer = await client.ask()
    if (answer.headers.connection === 'close') return answer
  }
}

/** The drain has begun; the old worker is not awaited. */
async function restart({ master }: NodeService): Promise<void> {
  const since = master.mark()
  master.signal('SIGUSR2')
  await master.next('worker-draining', { since })
}

test('an idle connection is kept, and closed with the answer to its next request', async () => {
  const service = await startNode({ app: PLAIN })
  await service.master.next('worker-ready')
  const client = keepAlive(service.port)
  const before = await client.ask()
  expect(before.headers.connection).toBe('keep-alive')
  await restart(service)
  expect((await lastAnswer(client)).text).toBe(before.text)
  expect((await client.ask()).text).not.toBe(before.text)
})

const HEADS: Record<string, string> = {
  setHeader: "response.setHeader('Connection', 'keep-alive')",
  'an object': "response.writeHead(200, { CONNECTION: 'keep-alive' })",
  'a list': "response.writeHead(200, 'fine', ['X-One', '1', 'Connection', 'keep-alive'])",
  'a status alone': 'response.writeHead(200)',
}

test.each(Object.entries(HEADS))('so it is where the app says keep-alive itself, with %s', async (_, head) => {
  const app = `require('node:http').createServer((_, response) => {
    ${head}
    response.end(String(process.pid))
  }).listen(Number(process.env.PORT))`
  const service = await startNode({ app })
  await service.master.next('worker-ready')
  const client = keepAlive(service.port)
  const before = await client.ask()
  await restart(service)
  expect((await lastAnswer(client)).text).toBe(before.text)
})

test('an idle connection ends when the keepAliveTimeout of the server ends it', async () => {
  const service = await startNode({ app: `${PLAIN}; server.keepAliveTimeout = 300` })
  await service.master.next('worker-ready')
  await keepAlive(service.port).ask()
  await swap(service)
  const exit = await service.master.next('worker-exited')
  expect(exit).toMatchObject({ how: 'exited with 0', expected: true })
})

test('without handlers it ends with its last connection, also where timers would keep it', async () => {
  const service = await startNode({ app: `${PLAIN}; setInterval(() => {}, 1_000)` })
  await service.master.next('worker-ready')
  const slow = ask(service.port, '/slow')
  await ask(service.port)
  await swap(service)
  await slow
  expect((await service.master.next('worker-exited')).how).toBe('exited with 0')
})

/** What is in flight is answered before the handler of the app ends it, with 4. */
async function expectAnsweredBeforeExit(service: NodeService): Promise<void> {
  await service.master.next('worker-ready')
  const slow = ask(service.port, '/slow')
  const { pid } = await ask(service.port)
  await swap(service)
  expect((await slow).pid).toBe(pid)
  expect((await service.master.next('worker-exited')).how).toBe('exited with 4')
}

test('process.exit in the handler cuts nobody off', async () => {
  const app = `${PLAIN}; process.on('SIGTERM', () => process.exit(4))`
  await expectAnsweredBeforeExit(await startNode({ app }))
})

test('a handler that was there before autoup was loaded waits as well', async () => {
  const early = writtenTo('early.cjs', "process.once('SIGTERM', () => process.exit(4))")
  await expectAnsweredBeforeExit(await startNode({ app: PLAIN, env: { NODE_OPTIONS: `--require=${early}` } }))
})

test('the app sees no handler but its own, also after it has taken them away', async () => {
  const app = `${PLAIN}
    const own = () => console.log('own')
    console.log('before', process.listenerCount('SIGTERM'))
    process.on('SIGTERM', own)
    console.log('with', process.listenerCount('SIGTERM'))
    process.off('SIGTERM', own)
    console.log('after', process.listenerCount('SIGTERM'))
    process.once('SIGTERM', () => { console.log('once'); process.exit() })`
  const service = await startNode({ app })
  await service.master.next('worker-ready')
  const slow = ask(service.port, '/slow')
  await ask(service.port)
  await swap(service)
  await slow
  expect(service.master.output).toEqual(expect.arrayContaining(['before 0', 'with 1', 'after 0', 'once']))
  expect(service.master.output).not.toContain('own')
})

test('when the drain timeout nears the handlers run all the same, and have time left', async () => {
  const app = `${PLAIN}
    process.on('SIGTERM', () => server.getConnections((_, count) => { console.log('handled with', count); process.exit(0) }))`
  const service = await startNode({ app, args: ['--drain-timeout', '2s'] })
  await service.master.next('worker-ready')
  const idle = net.connect(service.port, '127.0.0.1')
  onEnd(() => idle.destroy())
  await once(idle, 'connect')
  await ask(service.port)
  await swap(service)
  expect(service.master.output).toContain('handled with 1')
  expect(service.master.events.some(({ type }) => type === 'worker-killed')).toBe(false)
})

test('one that ignores the signal is killed at the drain timeout', async () => {
  const app = `${PLAIN}; process.on('SIGTERM', () => console.log('ignored')); setInterval(() => {}, 1_000)`
  const service = await startNode({ app, args: ['--drain-timeout', '1s'] })
  await service.master.next('worker-ready')
  await swap(service)
  expect(service.master.output).toContain('ignored')
  expect((await service.master.next('worker-killed')).reason).toMatch(/drain timeout/)
})

needs('openssl').describe('HTTP/2', () => {
  async function startHttp2(): Promise<{ service: NodeService; connect(raw?: net.Socket): http2.ClientHttp2Session }> {
    const { key, cert } = certificate()
    const app = `
      const { readFileSync } = require('node:fs')
      const server = require('node:http2').createSecureServer({
        key: readFileSync(${JSON.stringify(key)}), cert: readFileSync(${JSON.stringify(cert)}), allowHTTP1: true,
      }, (request, response) => setTimeout(() => response.end(String(process.pid)), request.url === '/slow' ? 1000 : 0))
      server.listen(Number(process.env.PORT))`
    const service = await startNode({ app })
    await service.master.next('worker-ready')
    return {
      service,
      connect(raw) {
        const options = { ca: readFileSync(cert), servername: 'localhost', ALPNProtocols: ['h2'] }
        const created = raw && { createConnection: () => tls.connect({ ...options, socket: raw }) }
        const session = http2.connect(`https://127.0.0.1:${service.port}`, { ...options, ...created })
        onEnd(() => session.destroy())
        return session
      },
    }
  }

  test('clients are sent away before a stream of theirs is refused', async () => {
    const { service, connect } = await startHttp2()
    const session = connect()
    const goaways: number[] = []
    session.on('goaway', (_code, lastStream) => goaways.push(lastStream))
    const first = await streamed(session, '/')
    const slow = streamed(session, '/slow')
    const closed = once(session, 'close')
    await streamed(session, '/')
    await restart(service)
    expect(await slow).toBe(first)
    await closed
    expect(goaways[0]).toBe(2 ** 31 - 1)
    await service.master.next('worker-exited')
  })

  test('what a client has sent before it heard of it is answered, however late it comes', async () => {
    const { service, connect } = await startHttp2()
    const line = await heldLine(service.port)
    const [quiet, busy] = [connect(line.client), connect()]
    const first = await streamed(quiet, '/')
    line.hold()
    const late = streamed(quiet, '/')
    const goaway = once(busy, 'goaway')
    await restart(service)
    await Promise.all([goaway, untilClosed(busy)])
    line.release()
    expect(await late).toBe(first)
    await once(quiet, 'close')
    await service.master.next('worker-exited')
  })

  test('one that was accepted before, and shakes hands after it, has its request answered', async () => {
    const { service, connect } = await startHttp2()
    const raw = net.connect(service.port, '127.0.0.1')
    onEnd(() => raw.destroy())
    await once(raw, 'connect')
    // Accepted after the other one.
    const known = connect()
    const first = await streamed(known, '/')
    await restart(service)
    await untilClosed(known)
    const late = connect(raw)
    const closed = once(late, 'close')
    const answer = await streamed(late, '/')
    await closed
    expect(answer).toBe(first)
    await service.master.next('worker-exited')
  })
})

test('a WebSocket client is told to go, and what was accepted before is answered first', async () => {
  const app = `
    const { createHash } = require('node:crypto')
    const server = require('node:http').createServer((_, response) => response.end(String(process.pid)))
    server.on('upgrade', (request, socket) => {
      const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64')
      socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n')
      socket.on('data', (frame) => {
        if (frame[0] === 0x88) return socket.end()
        setTimeout(() => socket.write(Buffer.from([0x81, 2, 0x6f, 0x6b])), 700)
      })
    })
    server.listen(Number(process.env.PORT))`
  const service = await startNode({ app })
  await service.master.next('worker-ready')
  const socket = net.connect(service.port, '127.0.0.1')
  onEnd(() => socket.destroy())
  const key = Buffer.alloc(16).toString('base64')
  socket.write(
    `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  )
  const [head] = (await once(socket, 'data')) as [Buffer]
  expect(String(head)).toContain('101')
  const received: Buffer[] = []
  const closing = new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      received.push(chunk)
      const all = Buffer.concat(received)
      if (!all.includes(Buffer.from([0x88, 0x02, 0x03, 0xe9]))) return
      socket.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9]))
      resolve()
    })
  })
  // A text frame with a mask of zeros.
  socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]))
  await swapWith(service, closing)
  expect(Buffer.concat(received)).toEqual(Buffer.from([0x81, 2, 0x6f, 0x6b, 0x88, 0x02, 0x03, 0xe9]))
})

test('clients that stay whatever they are told are cut when the drain timeout nears, before the handlers run', async () => {
  const app = `
    const server = require('node:http').createServer((_, response) => response.end(String(process.pid)))
    const sockets = new Set()
    server.on('upgrade', (request, socket) => {
      sockets.add(socket.on('error', () => {}))
      socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n')
    })
    process.on('SIGTERM', () => { console.log('left', [...sockets].filter((socket) => !socket.destroyed).length, 'of', sockets.size); process.exit(3) })
    server.listen(Number(process.env.PORT))`
  const service = await startNode({ app, args: ['--drain-timeout', '3s'] })
  await service.master.next('worker-ready')
  const ended: Promise<unknown>[] = []
  for (let client = 0; client < 3; client++) {
    const socket = net.connect({ port: service.port, host: '127.0.0.1', allowHalfOpen: true })
    onEnd(() => socket.destroy())
    ended.push(once(socket, 'end'))
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    expect(String((await once(socket, 'data'))[0])).toContain('101')
    socket.resume()
  }
  await restart(service)
  await Promise.all(ended)
  expect((await service.master.next('worker-exited')).how).toBe('exited with 3')
  expect(service.master.output).toContain('left 0 of 3')
})

test('an event stream is completed, and the app sees its client go', async () => {
  const app = `
    require('node:http').createServer((request, response) => {
      if (request.url !== '/events') return response.end(String(process.pid))
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      response.write('data: hello\\n\\n')
      const timer = setInterval(() => response.write(': still here\\n\\n'), 1_000)
      response.on('close', () => { clearInterval(timer); console.log('gone') })
    }).listen(Number(process.env.PORT))`
  const service = await startNode({ app })
  await service.master.next('worker-ready')
  const stream = keepAlive(service.port).ask('/events')
  await ask(service.port)
  await swapWith(service, stream)
  const { complete, text } = await stream
  expect(complete).toBe(true)
  expect(text).toMatch(/^data: hello\n\n/)
  await until('the app has seen it', () => service.master.output.includes('gone'))
  expect((await service.master.next('worker-exited')).how).toBe('exited with 0')
})

test('a cluster of the app’s own is swapped as a whole, and that is said', async () => {
  const app = `
    const cluster = require('node:cluster')
    if (cluster.isPrimary) {
      cluster.fork()
      cluster.fork()
    } else {
      console.log('inner', Object.keys(process.env).filter((name) => /^(LISTEN_|NOTIFY|NODE_OPTIONS|AUTOUP_NOTIFY|AUTOUP_PID)/.test(name)).join())
      require('node:http').createServer((request, response) => {
        setTimeout(() => response.end(JSON.stringify({ version: '1', pid: process.pid })), request.url === '/slow' ? 800 : 0)
      }).listen(Number(process.env.PORT), '127.0.0.1')
    }`
  const service = await startNode({ app })
  const { master, port } = service
  await master.next('worker-ready')
  const before = await ask(port)
  const slow = ask(port, '/slow')
  await ask(port)
  await swap(service)
  expect((await slow).version).toBe('1')
  expect((await ask(port)).pid).not.toBe(before.pid)
  expect((await master.next('worker-exited')).how).toBe('exited with 0')
  expect(master.output).toContain('inner ')
  expect(master.output.filter((line) => line.includes('workers of its own'))).not.toEqual([])
})

async function swapWith(service: NodeService, meanwhile: Promise<unknown>): Promise<void> {
  await restart(service)
  await meanwhile
  const exit = await service.master.next('worker-exited')
  expect(exit.expected).toBe(true)
}

/** A connection on which what the client sends can be held back. */
async function heldLine(
  port: number,
): Promise<{ client: net.Socket; server: net.Socket; hold(): void; release(): void }> {
  const server = net.connect(port, '127.0.0.1')
  const between = net.createServer((socket) => {
    accepted = socket
    socket.pipe(server).pipe(socket)
    socket.on('error', () => {})
  })
  server.on('error', () => {})
  let accepted: net.Socket | undefined
  between.listen(0, '127.0.0.1')
  await once(between, 'listening')
  const client = net.connect((between.address() as net.AddressInfo).port, '127.0.0.1')
  onEnd(() => {
    for (const each of [client, accepted, server]) each?.destroy()
    between.close()
  })
  await Promise.all([once(between, 'connection'), once(client, 'connect'), once(server, 'connect')])
  return { client, server, hold: () => accepted?.unpipe(server), release: () => accepted?.pipe(server) }
}

/** Asks, one thing after the other, until the session is sent away: the signal takes a moment. */
async function untilClosed(session: http2.ClientHttp2Session): Promise<void> {
  while (!session.closed && !session.destroyed) await streamed(session, '/')
}

function streamed(session: http2.ClientHttp2Session, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':path': path })
    let text = ''
    stream.setEncoding('utf8')
    stream.on('data', (chunk) => {
      text += chunk
    })
    stream.on('end', () => resolve(text))
    stream.on('error', reject)
  })
}
