/**
 * Servers that mean harm, through a running master: each ends inside its limit, with its reason, the old build serving,
 * nothing left in the store and the memory of the master unmoved. Limits of time are a hundredth of the real ones.
 */

import { randomBytes } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { archive, nodeServer } from '../support/builds.ts'
import { needs } from '../support/requirements.ts'
import { until } from '../support/until.ts'
import { buildOf, bytesOf, sendBytes, startVictim, type Victim } from '../support/victim.ts'
import { type Handler, serveHttp } from '../support/web.ts'

const QUICK = { headersMs: 400, silenceMs: 400, rateWindowMs: 400, minBytesPerSecond: 1_024, textMs: 1_500 }
const SIZE = 1_000_000

/** Answers HEAD as if all were well, and everything else as `body` does. */
function headed(size: number | null, body: Handler): Handler {
  return (request, response) => {
    response.setHeader('etag', '"x"')
    if (size !== null) response.setHeader('content-length', size)
    if (request.method === 'HEAD') response.end()
    else body(request, response)
  }
}

/** As much as the reader takes, for ever. */
const pour: Handler = (_request, response) => {
  const piece = Buffer.alloc(65_536, 'x')
  const more = () => {
    while (!response.destroyed && response.write(piece));
  }
  response.on('drain', more)
  more()
}

/** So many bytes every 20 ms. */
function drip(bytes: number): Handler {
  return (_request, response) => {
    const piece = Buffer.alloc(bytes, 'x')
    const timer = setInterval(() => response.write(piece), 20)
    response.on('close', () => clearInterval(timer))
  }
}

/** Lines of a head, one every 20 ms, after `start`. */
function dripHead(start: string, line: string): Handler {
  return ({ socket }) => {
    socket.write(start)
    const timer = setInterval(() => socket.write(line), 20)
    socket.on('close', () => clearInterval(timer))
  }
}

const headWithoutEnd: Handler = ({ socket }) => {
  const more = () => {
    while (!socket.destroyed && socket.write(`X-A: ${'x'.repeat(1_000)}\r\n`));
  }
  socket.write('HTTP/1.1 200 OK\r\n')
  socket.on('drain', more)
  more()
}

function redirectTo(location: string): Handler {
  return (_request, response) => void response.writeHead(302, { location }).end('moved')
}

/** `autoup upgrade` ends with this reason, which stands in the status, and nothing is held against any build. */
async function fails(victim: Victim, what: string, reason: RegExp): Promise<void> {
  const { code, stderr } = await victim.upgrade()
  expect(stderr, what).toMatch(reason)
  expect(code, what).toBe(1)
  const { lastCheck, current, quarantine } = await victim.master.status()
  expect(lastCheck, what).toMatchObject({
    result: expect.stringMatching(/^(?:error|incomplete)$/),
    message: expect.stringMatching(reason),
  })
  expect(current).toMatchObject({ version: '1.0.0' })
  expect(quarantine).toEqual([])
}

test('threat: a server that never comes to an end with the artifact, or lies about its length', async () => {
  const victim = await startVictim({ limits: { http: QUICK, trust: { artifactBytes: 20e6 } } })
  const half: Handler = (_, response) => void response.write('x'.repeat(SIZE / 2))
  const halfAndOver: Handler = (_, response) =>
    void response.write('x'.repeat(SIZE / 2), () => response.socket?.destroy())
  const cases: [string, Handler, RegExp][] = [
    ['a slow drip', headed(SIZE, drip(1)), /sends less than 1024 bytes a second/],
    ['silence in the middle', headed(SIZE, half), /fell silent/],
    ['no answer', headed(SIZE, () => undefined), /does not answer in time/],
    ['a head in a slow drip', headed(SIZE, dripHead('HTTP/1.1 200 OK\r\n', 'X-A: b\r\n')), /does not answer in time/],
    ['a head without end', headed(SIZE, headWithoutEnd), /headers without end/],
    ['less than announced', headed(SIZE, halfAndOver), /broke the connection|another number of bytes/],
    [
      'another length than for HEAD',
      (request, response) =>
        headed(request.method === 'HEAD' ? SIZE : 5, () => response.end('hello'))(request, response),
      /changed before it was downloaded/,
    ],
  ]
  for (const [what, serve, reason] of cases) {
    victim.offer({ version: '2.0.0', sha256: '0'.repeat(64), size: SIZE }, serve)
    await fails(victim, what, reason)
    await victim.unharmed({ mayKeepPartial: true })
  }
  victim.offer({ version: '2.0.0', sha256: '0'.repeat(64), size: null }, headed(null, pour))
  await fails(victim, 'a body without end', /the artifact is over 20\.0 MB, more than is taken/)
  await victim.unharmed({ mayKeepPartial: true })
  await victim.goesOn()
})

test('threat: a server that is just fast enough, for ever', async () => {
  const victim = await startVictim({ limits: { http: QUICK, trust: { stagerMs: 3_000 } } })
  victim.offer({ version: '2.0.0', sha256: '0'.repeat(64), size: 1e9 }, headed(1e9, drip(2_000)))
  await fails(victim, 'a body', /the stager was ended after 3.0 s/)
  await victim.unharmed({ mayKeepPartial: true })
  await victim.goesOn()
})

test('threat: a server whose manifest or checksum file has no end, is no text, or is a bomb on the wire', async () => {
  const victim = await startVictim({ limits: { http: QUICK } })
  const bomb: Handler = (_, response) => void response.setHeader('content-encoding', 'gzip').end(Buffer.alloc(1e3, 1))
  const cases: [string, Handler, RegExp][] = [
    ['no end', pour, /answers with more than 1048576 bytes/],
    ['a slow drip', drip(1), /sends less than 1024 bytes a second/],
    ['just fast enough, for ever', drip(100), /takes too long/],
    [
      'announced for ever',
      dripHead('', 'HTTP/1.1 103 Early Hints\r\n\r\n'),
      /does not answer in time|broke the connection/,
    ],
    ['a gzip bomb', bomb, /answers compressed \(gzip\), which it was not asked for/],
    ['another protocol', ({ socket }) => void socket.end('SSH-2.0-OpenSSH_9.2\r\n'), /no HTTP|broke the connection/],
  ]
  for (const [what, handler, reason] of cases) {
    victim.turn(handler)
    await fails(victim, what, reason)
    await victim.unharmed()
  }
  victim.offer({ version: '2.0.0', sha256: null }, undefined, { '/SHA256SUMS': headed(null, pour) })
  await fails(victim, 'sums without end', /SHA256SUMS answers with more than \d+ bytes/)
  await victim.unharmed()
  await victim.goesOn()
})

test('threat: redirects without end, to a file, to a socket, to a private address', async () => {
  const victim = await startVictim()
  const onward: Handler = ({ url = '' }, response) =>
    redirectTo(`/hop/${Number(url.split('/')[2] ?? 0) + 1}`)({} as never, response)
  const cases: [string, Handler, RegExp][] = [
    ['a circle', redirectTo('/round'), /redirects more than 5 times/],
    ['ever on', onward, /redirects more than 5 times/],
    ['a file', redirectTo('file:///etc/passwd'), /redirects to file:, which is not followed/],
    ['a socket', redirectTo('unix:/run/docker.sock'), /redirects to unix:, which is not followed/],
    [
      'a private address',
      redirectTo('http://169.254.169.254/latest/meta-data/'),
      /redirects to http:\/\/169\.254\.169\.254, which is not encrypted/,
    ],
  ]
  for (const [what, handler, reason] of cases) {
    victim.turn(handler)
    await fails(victim, what, reason)
    victim.offer({ version: '2.0.0' }, handler, { '*': handler })
    await fails(victim, `${what}, of the artifact`, /redirects (?:to|more than)/)
    await victim.unharmed()
  }
  await victim.goesOn()
})

needs('openssl').test('threat: a redirect from https: to http:, be it on this machine', async () => {
  const victim = await startVictim({ tls: true })
  let asked = 0
  const plain = await serveHttp((_request, response) => {
    asked++
    response.end('{}')
  })
  victim.turn(redirectTo(`${plain.origin}/app.json`))
  await fails(victim, 'the manifest', /redirects to http:, which is not followed: what was https stays https/)
  const bytes = buildOf('2')
  victim.offer({ version: '2.0.0', bytes }, (request, response) =>
    (request.method === 'HEAD' ? send(bytes) : redirectTo(`${plain.origin}/app.tar.gz`))(request, response),
  )
  await fails(victim, 'the artifact', /redirects to http:, which is not followed/)
  expect(asked).toBe(0)
  await victim.unharmed()
  await victim.goesOn()
})

function send(bytes: Buffer, cutAfter?: number): Handler {
  return (request, response) => sendBytes(request, response, bytes, cutAfter)
}

test('bytes behind those that were announced are no part of the artifact', async () => {
  const victim = await startVictim()
  const bytes = buildOf('2')
  const head = `HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: ${bytes.length}\r\nConnection: close\r\n\r\n`
  victim.offer({ version: '2.0.0', bytes }, ({ method, socket }) => {
    socket.end(Buffer.concat([Buffer.from(head), ...(method === 'HEAD' ? [] : [bytes, Buffer.alloc(1e6, 'x')])]))
  })
  const { code, stderr } = await victim.upgrade()
  expect(`${code} ${stderr}`).toMatch(/^0 |no HTTP|another number of bytes|broke the connection/)
  await victim.unharmed({ version: code === 0 ? '2' : '1', mayKeepPartial: true })
  await victim.goesOn()
})

test('a connection that is cut at random, again and again, goes on from there and ends with the right bytes', async () => {
  const victim = await startVictim()
  let releases = 1
  let resumed = 0
  const cutting = fc.array(fc.oneof(fc.constant(0), fc.nat(400_000)), { minLength: 1, maxLength: 5 })
  await fc.assert(
    fc.asyncProperty(cutting, async (cuts) => {
      releases++
      const bytes = bytesOf(archive(nodeServer({ version: `${releases}` }), { ballast: noise() }))
      const left = [...cuts]
      victim.offer({ version: `${releases}.0.0`, bytes }, (request, response) => {
        if (request.headers.range !== undefined) resumed++
        send(bytes, request.method === 'GET' ? left.shift() : undefined)(request, response)
      })
      for (let turn = 0; turn <= cuts.length; turn++) {
        const { code, stderr } = await victim.upgrade()
        if (code === 0) break
        expect(stderr).toMatch(/broke the connection|another number of bytes/)
        await victim.unharmed({ version: String(releases - 1), mayKeepPartial: true })
      }
      await victim.unharmed({ version: String(releases) })
    }),
    { numRuns: 6 },
  )
  expect(resumed).toBeGreaterThan(0)
})

/** What does not pack, so that a cut is somewhere in the middle. */
function noise(): string {
  return randomBytes(300_000).toString('base64')
}

test('threat: the rest of one release behind the beginning of another, under the same ETag', async () => {
  const victim = await startVictim()
  const good = buildOf('2')
  const evil = Buffer.alloc(good.length, 'e')
  /** The server's own word for which bytes these are, and it lies. */
  const head = (status: string, length: number, more = '') =>
    `HTTP/1.1 ${status}\r\nETag: "same"\r\nContent-Length: ${length}\r\nConnection: close\r\n${more}\r\n`
  const path = '/app.tar.gz'
  const release = (version: string) => ({ version, path, bytes: good })
  let isHere: Promise<unknown> | null = null
  victim.offer(release('2.0.0'), ({ method, socket }) => {
    if (isHere !== null) return void socket.destroy()
    socket.write(head('200 OK', good.length))
    if (method === 'HEAD') return void socket.end()
    socket.write(evil.subarray(0, 1_000))
    isHere = until('the beginning is on disk', () => partialBytes(victim) === 1_000).then(() => socket.destroy())
  })
  await fails(victim, 'the beginning', /broke the connection|another number of bytes/)
  await isHere
  await victim.unharmed({ mayKeepPartial: true })
  const asked: (string | undefined)[] = []
  victim.offer(release('2.0.1'), ({ method, headers: { range }, socket }) => {
    if (method === 'GET') asked.push(range)
    const from = range === undefined ? 0 : 1_000
    const ranged = `Content-Range: bytes 1000-${good.length - 1}/${good.length}\r\n`
    socket.write(from > 0 ? head('206 Partial Content', good.length - from, ranged) : head('200 OK', good.length))
    socket.end(method === 'GET' ? good.subarray(from) : '')
  })
  const { code, stderr } = await victim.upgrade()
  expect(code, stderr).toBe(0)
  // The mixture did not fit, so all of it was fetched once more.
  expect(asked).toEqual(['bytes=1000-', undefined])
  await victim.unharmed({ version: '2' })
})

/** What has come of the download under way. */
function partialBytes({ master }: Victim): number {
  const tmp = join(master.home, 'tmp')
  const files = readdirSync(tmp, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('partial-'))
  return Math.max(0, ...files.map((name) => statSync(join(tmp, name), { throwIfNoEntry: false })?.size ?? 0))
}
