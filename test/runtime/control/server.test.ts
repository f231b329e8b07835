import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { call, findMaster, follow } from '../../../src/cli/control-client.ts'
import { AutoupError } from '../../../src/core/errors.ts'
import type { ControlReply } from '../../../src/runtime/control/server.ts'
import { DONE, event, fakeMaster, ROW, STATUS, temporaryDirectory } from '../../cli/fake-master.ts'
import { onEnd } from '../../support/on-end.ts'
import { until } from '../../support/until.ts'

/** With Node's own client: what any HTTP program sees. */
function ask(
  directory: string,
  method: string,
  path: string,
  body = '',
): Promise<{ status: number; headers: Record<string, unknown>; value: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath: join(directory, 'control.sock'), method, path }, async (response) => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve({ status: response.statusCode ?? 0, headers: response.headers, value: JSON.parse(text) })
    })
    asking.on('error', reject)
    asking.end(body)
  })
}

/** Bytes as they are; everything that comes back. */
async function raw(directory: string, bytes: string | Buffer): Promise<string> {
  const socket = connect(join(directory, 'control.sock'))
  socket.write(bytes)
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}

async function openEvents(directory: string, query = ''): Promise<Socket> {
  const socket = connect(join(directory, 'control.sock'))
  onEnd(() => socket.destroy())
  socket.on('error', () => {})
  socket.write(`GET /events${query} HTTP/1.1\r\nHost: x\r\n\r\n`)
  return socket
}

describe('what a client can ask', () => {
  test('status and releases are JSON', async () => {
    const { directory } = await fakeMaster()
    expect(await ask(directory, 'GET', '/status')).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/json', connection: 'close' },
      value: STATUS,
    })
    expect((await ask(directory, 'GET', '/releases')).value).toEqual([ROW])
  })

  test('metrics are text of the type that Prometheus asks for', async () => {
    const { directory } = await fakeMaster()
    const answer = await raw(directory, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\nContent-Type: text\/plain\r\nContent-Length: 12\r\n/)
    expect(answer).toMatch(/\r\n\r\nautoup_up 1\n$/)
  })

  test.each(['upgrade', 'rollback', 'restart', 'check', 'stage', 'pause', 'resume', 'stop'])(
    'POST /%s waits for the reply',
    async (verb) => {
      const master = await fakeMaster()
      expect(await ask(master.directory, 'POST', `/${verb}`)).toMatchObject({ status: 200, value: DONE })
      expect(master.asked).toEqual([{ verb, options: { again: false, resetTrust: false, wait: true, now: false } }])
    },
  )

  test('options come as JSON or in the query', async () => {
    const { directory, asked } = await fakeMaster()
    await ask(directory, 'POST', '/upgrade', '{"again": true, "wait": false}')
    await ask(directory, 'POST', '/upgrade?again&wait=0')
    await ask(directory, 'POST', '/stop?now=true')
    expect(asked.map(({ options }) => options)).toEqual([
      { again: true, resetTrust: false, wait: false, now: false },
      { again: true, resetTrust: false, wait: false, now: false },
      { again: false, resetTrust: false, wait: true, now: true },
    ])
  })

  test('a refusal of the handler is a sentence with its code', async () => {
    const { directory } = await fakeMaster({
      request: async () => {
        throw new AutoupError('refused', 'the digest is another one')
      },
    })
    expect(await ask(directory, 'POST', '/upgrade')).toMatchObject({
      status: 409,
      value: { error: 'the digest is another one', code: 'refused' },
    })
  })

  test('a bug of the handler is a 500, and the server goes on', async () => {
    const { directory } = await fakeMaster({
      status: () => {
        throw new TypeError('oops')
      },
    })
    expect(await ask(directory, 'GET', '/status')).toMatchObject({ status: 500, value: { error: 'oops', code: null } })
    expect((await ask(directory, 'GET', '/releases')).status).toBe(200)
  })
})

describe('what is wrong is said in one JSON sentence', () => {
  test.each([
    ['GET', '/nothing', '', 404, /no \/nothing/],
    ['GET', '/', '', 404, /status/],
    ['POST', '/status', '', 405, /takes GET/],
    ['GET', '/upgrade', '', 405, /takes POST/],
    ['DELETE', '/events', '', 405, /takes GET/],
    ['POST', '/upgrade', '{', 400, /not JSON/],
    ['POST', '/upgrade', '[]', 400, /object/],
    ['POST', '/upgrade', 'null', 400, /object/],
    ['POST', '/upgrade', '{"agin": true}', 400, /agin/],
    ['POST', '/upgrade?__proto__=1', '', 400, /__proto__/],
    ['POST', '/upgrade', '{"wait": "perhaps"}', 400, /wait/],
    ['POST', '/upgrade?wait=constructor', '', 400, /wait/],
    ['GET', '/events?since=-1', '', 400, /sequence/],
    ['POST', '/upgrade', 'x'.repeat(70_000), 413, /bytes/],
  ])('%s %s %s', async (method, path, body, status, words) => {
    const { directory, asked } = await fakeMaster()
    const answer = await ask(directory, method, path, body)
    expect(answer.status).toBe(status)
    expect(answer.value.error).toMatch(words)
    expect(asked).toEqual([])
  })

  test('405 names the method that is allowed', async () => {
    const { directory } = await fakeMaster()
    expect((await ask(directory, 'GET', '/stop')).headers.allow).toBe('POST')
  })

  test.each([
    ['not HTTP', 'hello\r\n\r\n', 400],
    ['a head without end', `GET /status HTTP/1.1\r\nX: ${'a'.repeat(9_000)}`, 431],
    ['a malformed header', 'GET /status HTTP/1.1\r\nno colon\r\n\r\n', 400],
    ['chunks', 'POST /upgrade HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 411],
    ['a strange length', 'POST /upgrade HTTP/1.1\r\nContent-Length: -5\r\n\r\n', 400],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ])('%s', async (_what, bytes, status) => {
    const { directory, asked } = await fakeMaster()
    expect(await raw(directory, bytes)).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(asked).toEqual([])
  })

  test('a request in single bytes is understood', async () => {
    const { directory } = await fakeMaster()
    const socket = connect(join(directory, 'control.sock'))
    for (const char of 'GET /status HTTP/1.1\r\nHost: x\r\n\r\n') {
      await new Promise((resolve) => socket.write(char, resolve))
    }
    let text = ''
    for await (const chunk of socket) text += chunk
    expect(text).toContain('"pid":4711')
  })
})

describe('the socket', () => {
  test('is for its owner alone, and nothing else is left beside it', async () => {
    const { directory } = await fakeMaster()
    expect(statSync(join(directory, 'control.sock')).mode & 0o777).toBe(0o600)
    expect(readdirSync(directory)).toEqual(['control.sock'])
  })

  test('works in a directory far deeper than a socket path may be', async () => {
    const stateDir = join(temporaryDirectory(), ...Array.from({ length: 6 }, () => 'd'.repeat(60)))
    const { directory } = await fakeMaster({ stateDir })
    expect(join(directory, 'control.sock').length).toBeGreaterThan(350)
    expect(statSync(join(directory, 'control.sock')).isSocket()).toBe(true)
    expect(await call(await findMaster(stateDir, 'app'), 'GET', '/status')).toMatchObject({ pid: 4711 })
  })

  test('takes the place of a dead one, and of what a killed master left half made', async () => {
    const stateDir = temporaryDirectory()
    const directory = join(stateDir, 'app')
    mkdirSync(join(directory, '.control'), { recursive: true })
    writeFileSync(join(directory, '.control', 'control.sock'), '')
    const dead = createServer().listen(join(directory, 'control.sock'))
    await once(dead, 'listening')
    const before = statSync(join(directory, 'control.sock')).ino
    onEnd(() => dead.close())
    await fakeMaster({ stateDir })
    expect(statSync(join(directory, 'control.sock')).ino).not.toBe(before)
    expect((await ask(directory, 'GET', '/status')).status).toBe(200)
    expect(readdirSync(directory)).toEqual(['control.sock'])
  })

  test('is gone after close', async () => {
    const { directory, server } = await fakeMaster()
    await server.close()
    expect(existsSync(join(directory, 'control.sock'))).toBe(false)
  })

  test('cannot be made in a directory that is not there: one sentence', async () => {
    const { startControlServer } = await import('../../../src/runtime/control/server.ts')
    const handlers = {} as never
    const starting = startControlServer({ directory: '/nonexistent/app', handlers })
    await expect(starting).rejects.toThrow(/cannot make the control socket in \/nonexistent\/app/)
  })
})

describe('many and impatient clients', () => {
  test('a hundred at once all get their answer', async () => {
    const { directory } = await fakeMaster()
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask(directory, 'GET', '/status')))
    expect(answers.map(({ status }) => status)).toEqual(Array(100).fill(200))
  })

  test('readers of events that nobody ends leave the master descriptors of its own, and keep no command out', async () => {
    const { directory } = await fakeMaster()
    const readers = await Promise.all(Array.from({ length: 256 }, () => openEvents(directory)))
    await Promise.all(readers.map((reader) => once(reader, 'data')))
    const [oldest, ...others] = readers
    const isOver = once(oldest!, 'close')
    expect(await ask(directory, 'GET', '/status')).toMatchObject({ status: 200 })
    await isOver
    expect(others.map(({ destroyed }) => destroyed)).toEqual(Array(255).fill(false))
  })

  test('one that goes away while it waits takes nothing with it', async () => {
    let finish: (reply: ControlReply) => void = () => {}
    let isAsked = false
    const verdict = new Promise<ControlReply>((resolve) => {
      finish = resolve
    })
    const { directory } = await fakeMaster({
      request: () => {
        isAsked = true
        return verdict
      },
    })
    const waiting = ask(directory, 'POST', '/upgrade')
    const impatient = connect(join(directory, 'control.sock'))
    impatient.write('POST /upgrade HTTP/1.1\r\nHost: x\r\n\r\n')
    await until('it asked', () => isAsked)
    impatient.destroy()
    await once(impatient, 'close')
    finish(DONE)
    expect((await waiting).value).toEqual(DONE)
    expect((await ask(directory, 'GET', '/status')).status).toBe(200)
  })

  test('close ends those who still wait, and lets through what was answered', async () => {
    const { directory, server } = await fakeMaster({ request: () => new Promise(() => {}) })
    const waiting = ask(directory, 'POST', '/upgrade').catch((error: Error) => error)
    const reader = await openEvents(directory)
    await once(reader, 'data')
    const ended = once(reader.resume(), 'close')
    await server.close()
    expect(await waiting).toBeInstanceOf(Error)
    await ended
  })
})

describe('events', () => {
  test('are replayed after `since`, and with follow=0 that is all', async () => {
    const master = await fakeMaster()
    master.kept.push(event(1), event(2), event(3))
    const text = await raw(master.directory, 'GET /events?since=1&follow=0 HTTP/1.1\r\n\r\n')
    expect(text).toContain('Content-Type: text/event-stream')
    expect(text.split('\r\n\r\n')[1]).toBe(
      `id: 2\ndata: ${JSON.stringify(event(2))}\n\nid: 3\ndata: ${JSON.stringify(event(3))}\n\n`,
    )
    expect(master.readers.size).toBe(0)
  })

  test('go on after the replay, each once and in order', async () => {
    const master = await fakeMaster()
    master.kept.push(event(1))
    const place = await findMaster(master.stateDir, 'app')
    const seen: number[] = []
    for await (const each of follow(place, { since: 0, follow: true })) {
      seen.push(each.sequence)
      if (each.sequence < 5) master.emit(event(each.sequence + 1))
      else break
    }
    expect(seen).toEqual([1, 2, 3, 4, 5])
    await until('the reader is forgotten', () => master.readers.size === 0)
  })

  test('a reader that takes up again with Last-Event-ID misses nothing', async () => {
    const master = await fakeMaster()
    master.kept.push(event(1), event(2))
    const text = await raw(master.directory, 'GET /events?follow=0 HTTP/1.1\r\nLast-Event-ID: 1\r\n\r\n')
    expect(text).not.toContain('id: 1\n')
    expect(text).toContain('id: 2\n')
  })

  test('a reader that goes away is forgotten at once, without an event', async () => {
    const master = await fakeMaster()
    const reader = await openEvents(master.directory)
    await until('it reads', () => master.readers.size === 1)
    reader.destroy()
    await until('it is forgotten', () => master.readers.size === 0)
  })

  test('a reader that does not read is cut off before it fills the memory of the master', async () => {
    const master = await fakeMaster()
    const reader = await openEvents(master.directory)
    reader.pause()
    await until('it reads', () => master.readers.size === 1)
    const large = 'x'.repeat(100_000)
    for (let sequence = 1; sequence <= 30 && master.readers.size > 0; sequence++) master.emit(event(sequence, large))
    await until('it is forgotten', () => master.readers.size === 0)
  })

  test('text of any kind arrives as it was sent', async () => {
    const master = await fakeMaster()
    const message = 'a line\nanother\r\n\n data: x — ünïcode ✓'
    master.kept.push(event(1, message))
    for await (const each of follow(await findMaster(master.stateDir, 'app'), { since: 0, follow: false })) {
      expect(each).toEqual(event(1, message))
    }
  })
})
