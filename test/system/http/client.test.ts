import { execFile } from 'node:child_process'
import type { ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { HttpClient } from '../../../src/core/source.ts'
import { createHttpClient } from '../../../src/system/http/client.ts'
import type { HttpLimits } from '../../../src/system/http/limits.ts'
import { freePort } from '../../support/ports.ts'
import { needs } from '../../support/requirements.ts'
import { authority, type Handler, serveHttp, serveProxy, serveRaw, serveText, serveTls } from '../../support/web.ts'

interface Setup {
  limits?: Partial<HttpLimits>
  allowPlain?: boolean
  env?: NodeJS.ProcessEnv
  signal?: AbortSignal
  authority?: string
}

function client({
  allowPlain = false,
  env = {},
  signal = new AbortController().signal,
  ...rest
}: Setup = {}): HttpClient {
  return createHttpClient({ signal, allowPlain, env, ...rest })
}

async function bytesOf(http: HttpClient, url: string): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of (await http.stream(url)).bytes) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** Rejects with a sentence of lower case that holds `what`. The limits of the program are longer than any test has. */
async function fails(work: Promise<unknown>, what: RegExp): Promise<string> {
  const error = await work.then(
    (value) => new Error(`no failure: ${JSON.stringify(value)}`),
    (thrown: Error) => thrown,
  )
  expect(error.message).toMatch(what)
  expect(error).toMatchObject({ name: 'AutoupError', code: 'failed' })
  return error.message
}

const ok: Handler = (_request, response) => void response.end('hello')
const to =
  (location: string, status = 302): Handler =>
  (_request, response) =>
    void response.writeHead(status, { location }).end('moved')
const NONE = 'autoup-nowhere.invalid'

describe('an answer', () => {
  test('comes with its status, its headers in lower case and its address', async () => {
    const web = await serveHttp((_request, response) => void response.writeHead(404, { ETag: '"x"' }).end('nothing'))
    const answer = await client().text(`${web.origin}/a?b=c`)
    expect(answer).toMatchObject({ status: 404, body: 'nothing', url: `${web.origin}/a?b=c` })
    expect(answer.headers.etag).toBe('"x"')
  })

  test('to HEAD has no body, and one of 304 neither', async () => {
    const web = await serveHttp((request, response) => {
      const isKnown = request.headers['if-none-match'] === '"x"'
      response.writeHead(isKnown ? 304 : 200, { 'content-length': '5' }).end()
    })
    expect(await client().text(web.origin, { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
    const headers = { 'if-none-match': '"x"' }
    expect(await client().text(web.origin, { headers })).toMatchObject({ status: 304, body: '' })
  })

  test('is handed on as it was sent: nothing is asked to be compressed, and nothing is unpacked', async () => {
    const packed = gzipSync('hello')
    const web = await serveHttp((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed)
    })
    expect(await bytesOf(client(), web.origin)).toEqual(packed)
    await fails(client().text(web.origin), /answers compressed \(gzip\)/)
    expect(web.requests.every(({ headers }) => headers['accept-encoding'] === 'identity')).toBe(true)
  })

  test('comes from an IPv6 address as well', async () => {
    const web = await serveHttp(ok, '::1')
    expect(web.origin).toContain('[::1]')
    expect((await client().text(web.origin)).body).toBe('hello')
  })

  test('may have as many headers as real APIs send', async () => {
    const policy = 'x'.repeat(50_000)
    const web = await serveHttp((_request, response) => void response.writeHead(200, { policy }).end())
    expect((await client().text(web.origin)).headers.policy).toBe(policy)
  })

  test('that is large arrives whole, however slow the reader is', async () => {
    const whole = Buffer.alloc(3_000_000, 'abc')
    const web = await serveHttp((_request, response) => void response.end(whole))
    // Far more than one piece in the time that the reader takes, far less than any machine sends itself.
    const limits = { rateWindowMs: 500, minBytesPerSecond: 500_000 }
    const { bytes } = await client({ limits }).stream(web.origin)
    let sum = 0
    for await (const piece of bytes) {
      sum += piece.length
      // The time that the reader takes is not the server's.
      if (sum === piece.length) for (const end = performance.now() + 800; performance.now() < end; );
    }
    expect(sum).toBe(whole.length)
  })

  test('that is not wanted can be cancelled, before and while it is read', async () => {
    let closed = 0
    const web = await serveHttp((_request, response) => {
      response.on('close', () => closed++)
      response.writeHead(200)
      pour(response)
    })
    await (await client().stream(web.origin)).cancel()
    const { bytes } = await client().stream(web.origin)
    for await (const _piece of bytes) break
    await expect.poll(() => closed).toBe(2)
  })
})

/** Without end, as fast as it is taken. */
function pour(response: ServerResponse): void {
  const piece = Buffer.alloc(65_536, 'x')
  const more = () => {
    while (!response.destroyed && response.write(piece));
  }
  response.on('drain', more)
  more()
}

describe('a redirect', () => {
  test.each([301, 302, 303, 307, 308])('with %i is followed, also a relative one', async (status) => {
    const web = await serveHttp((request, response) =>
      request.url === '/deep/a' ? to('../b?c=d', status)(request, response) : ok(request, response),
    )
    const answer = await client().text(`${web.origin}/deep/a`)
    expect(answer).toMatchObject({ status: 200, body: 'hello', url: `${web.origin}/b?c=d` })
  })

  test('is followed five times and no sixth time', async () => {
    const web = await serveHttp((request, response) => {
      const left = Number(request.url?.slice(1))
      return left === 0 ? ok(request, response) : to(`/${left - 1}`)(request, response)
    })
    expect((await client().text(`${web.origin}/5`)).body).toBe('hello')
    await fails(client().text(`${web.origin}/6`), /redirects more than 5 times/)
  })

  test('in a circle ends', async () => {
    const web = await serveHttp(to('/'))
    await fails(client().stream(web.origin), /redirects more than 5 times, perhaps in a circle/)
    expect(web.requests).toHaveLength(6)
  })

  test('without an address is an answer, and to something that is none is an error', async () => {
    const web = await serveHttp((_request, response) => void response.writeHead(302).end('x'))
    expect(await client().text(web.origin)).toMatchObject({ status: 302 })
    const odd = await serveHttp(to('http://[?token=secret'))
    expect(await fails(client().text(odd.origin), /redirects to something that is no address/)).not.toContain('secret')
  })

  test.each(['file:///etc/passwd', 'ftp://127.0.0.1/x', 'gopher://x/', 'data:,x', 'unix:/run/x', 'javascript:1'])(
    'to %s is refused',
    async (location) => {
      const web = await serveHttp(to(location))
      await fails(client().text(web.origin), /redirects to \w+:, which is not followed: only https is/)
    },
  )

  test('to http: elsewhere is refused, whatever the redirecting host is', async () => {
    const web = await serveHttp(to(`http://${NONE}/x?token=secret`))
    const message = await fails(client().text(web.origin), /which is not encrypted: use https, or --allow-unverified/)
    expect(message).not.toContain('secret')
  })

  needs('openssl').test(
    'from https: to http: is refused, also to this machine, and also where http: is allowed',
    async () => {
      const plain = await serveHttp(ok)
      const web = await serveTls(to(plain.origin))
      const http = client({ authority: authority().pem, allowPlain: true })
      await fails(http.text(web.origin), /what was https stays https/)
      expect(plain.requests).toEqual([])
    },
  )

  test('whose body never ends is not waited for', async () => {
    const web = await serveHttp((request, response) => {
      if (request.url === '/b') return ok(request, response)
      response.writeHead(302, { location: '/b' })
      pour(response)
    })
    expect((await client().text(web.origin)).body).toBe('hello')
  })

  test('takes neither a token nor headers of its own to another host, nor back from there', async () => {
    const home = await serveHttp((request, response) => {
      if (request.url === '/back') return ok(request, response)
      to(request.url === '/near' ? '/start' : `${away.origin}/`)(request, response)
    })
    const away = await serveHttp((request, response) => to(`${home.origin}/back`)(request, response))
    const headers = {
      'x-api-key': 'secret',
      cookie: 'secret',
      Authorization: 'secret',
      accept: 'text/x',
      range: 'bytes=0-',
    }
    await client().text(`${home.origin}/near`, { headers, bearer: 'secret' })
    const [near, start, back] = home.requests.map((each) => each.headers)
    const all = { authorization: 'Bearer secret', 'x-api-key': 'secret' }
    for (const each of [near, start]) expect(each).toMatchObject(all)
    for (const each of [away.requests[0]?.headers, back]) {
      expect(JSON.stringify(each)).not.toContain('secret')
      expect(each).toMatchObject({ accept: 'text/x', range: 'bytes=0-', 'user-agent': 'autoup' })
    }
  })
})

describe('a user and password in the address', () => {
  test('are sent to that host only', async () => {
    const away = await serveHttp(ok)
    const home = await serveHttp((request, response) => {
      if (request.url === '/away') return to(`http://other:word@127.0.0.1:${away.port}/`)(request, response)
      to('/away')(request, response)
    })
    const answer = await client().text(home.origin.replace('//', '//me:p%40ss@'))
    const basic = `Basic ${Buffer.from('me:p@ss').toString('base64')}`
    expect(home.requests.map(({ headers }) => headers.authorization)).toEqual([basic, basic])
    expect(away.requests[0]?.headers.authorization).toBeUndefined()
    expect(answer.url).toBe(`${away.origin}/`)
  })

  test('are in no message and in no answer, nor is a query', async () => {
    const port = await freePort()
    const secret = (rest: string) => `http://me:secret@${rest}?token=secret`
    const web = await serveHttp((request, response) => {
      if (request.url?.startsWith('/big')) return void response.end('x'.repeat(100))
      to(`${request.url}`)(request, response)
    })
    const tries = [
      fails(client().text(secret(`127.0.0.1:${port}/`)), /refuses connections: check that it runs/),
      fails(client().text(secret(`127.0.0.1:${web.port}/loop`)), /redirects more than/),
      fails(client().text(secret(`127.0.0.1:${web.port}/big`), { maxBytes: 10 }), /more than 10 bytes/),
      fails(client().text(secret(`${NONE}/`)), /not encrypted/),
      fails(client().text('https://me:secret@[::?token=secret'), /no address/),
    ]
    for (const message of await Promise.all(tries)) expect(message).not.toContain('secret')
    const { url } = await client({ limits: {} }).text(secret(`127.0.0.1:${web.port}/big`))
    expect(url).not.toContain('me:')
  })
})

describe('http:', () => {
  test.each(['http://192.0.2.1/', `http://${NONE}/`, 'http://127.0.0.1.example.invalid/', 'http://0.0.0.0/'])(
    '%s is refused before anything is sent',
    async (url) => {
      await fails(client().text(url), /the source is http:.* not encrypted: use https, or --allow-unverified/)
    },
  )

  test('elsewhere is asked where it is allowed', async () => {
    await fails(client({ allowPlain: true }).text(`http://${NONE}/`), /there is no host|cannot be resolved now/)
  })

  test.each(['ftp://127.0.0.1/', 'file:///etc/passwd'])('and not %s', async (url) => {
    await fails(client({ allowPlain: true }).text(url), /the source is \w+:, which is not followed/)
  })
})

describe('a server that misbehaves ends inside its limit:', () => {
  const quick = { headersMs: 300, silenceMs: 300, rateWindowMs: 300, minBytesPerSecond: 1_000, textMs: 600 }

  test('one that says nothing', async () => {
    const web = await serveRaw(() => undefined)
    await fails(client({ limits: quick }).text(web.origin), /does not answer in time/)
  })

  test('one that drips its headers', async () => {
    const web = await serveRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      const drip = setInterval(() => socket.write('X-A: b\r\n'), 20)
      socket.on('close', () => clearInterval(drip))
    })
    await fails(client({ limits: quick }).text(web.origin), /does not answer in time/)
  })

  test('one that announces answers and gives none', async () => {
    const web = await serveRaw((socket) => {
      const drip = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'), 20)
      socket.on('close', () => clearInterval(drip))
    })
    await fails(client({ limits: quick }).text(web.origin), /does not answer in time|broke the connection/)
  })

  test('one with headers without end', async () => {
    const web = await serveText('HTTP/1.1 200 OK\r\n', (socket) => {
      const more = () => {
        while (!socket.destroyed && socket.write(`X-A: ${'x'.repeat(1_000)}\r\n`));
      }
      socket.on('drain', more)
      more()
    })
    await fails(client().text(web.origin), /headers without end/)
  })

  test('one that falls silent in the middle', async () => {
    const web = await serveHttp((_request, response) => {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('half')
    })
    await fails(bytesOf(client({ limits: quick }), web.origin), /fell silent in the middle/)
    await fails(client({ limits: quick }).text(web.origin), /fell silent in the middle/)
  })

  test('one that drips', async () => {
    const web = await serveHttp((_request, response) => {
      response.writeHead(200, { 'content-length': '1000000' })
      const drip = setInterval(() => response.write('x'), 20)
      response.on('close', () => clearInterval(drip))
    })
    await fails(bytesOf(client({ limits: quick }), web.origin), /sends less than 1000 bytes a second/)
  })

  test('one that sends a text just fast enough, for too long', async () => {
    const web = await serveHttp((_request, response) => {
      const drip = setInterval(() => response.write('x'.repeat(100)), 20)
      response.on('close', () => clearInterval(drip))
    })
    await fails(client({ limits: quick }).text(web.origin), /takes too long/)
  })

  test('one whose text has no end', async () => {
    const web = await serveHttp((_request, response) => pour(response))
    await fails(client().text(web.origin, { maxBytes: 100_000 }), /more than 100000 bytes/)
  })

  test('one that sends less than it announced', async () => {
    const web = await serveText('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort')
    await fails(bytesOf(client(), web.origin), /broke the connection|another number of bytes/)
  })

  test('one that sends more than it announced, of which no byte too many arrives', async () => {
    const web = await serveText('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more')
    const bytes = await bytesOf(client(), web.origin).catch((error: Error) => error.message)
    expect(String(bytes)).toMatch(/^hello$|no HTTP|broke the connection/)
  })

  test('one that gives two lengths', async () => {
    const web = await serveText('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!')
    await fails(bytesOf(client(), web.origin), /no HTTP|another number/)
  })

  test('one that breaks a chunk off', async () => {
    const web = await serveText('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nhe')
    await fails(bytesOf(client(), web.origin), /broke the connection/)
  })

  test('one that speaks something else', async () => {
    const web = await serveRaw((socket) => void socket.end('SSH-2.0-OpenSSH_9.2\r\n'))
    await fails(client().text(web.origin), /no HTTP|broke the connection/)
  })

  test('one that cuts the connection, at any byte', async () => {
    const whole = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: 40\r\nETag: "x"\r\n\r\n${'y'.repeat(40)}`)
    const cuts: number[] = []
    const web = await serveRaw((socket) => {
      socket.once('data', () => socket.end(whole.subarray(0, cuts.shift())))
    })
    for (let at = 0; at < whole.length; at += 7) {
      cuts.push(at)
      await fails(bytesOf(client(), web.origin), /broke the connection|another number of bytes/)
    }
    cuts.push(whole.length)
    expect(await bytesOf(client(), web.origin)).toHaveLength(40)
  })
})

describe('a job that is given up', () => {
  test('ends the wait for an answer', async () => {
    const controller = new AbortController()
    const web = await serveHttp(() => controller.abort())
    await fails(client({ signal: controller.signal }).text(web.origin), /the request to .* was given up/)
  })

  test('ends a body, and the requests after it', async () => {
    const controller = new AbortController()
    const web = await serveHttp((_request, response) => pour(response))
    const http = client({ signal: controller.signal })
    const { bytes } = await http.stream(web.origin)
    const reading = (async () => {
      for await (const _piece of bytes) controller.abort()
    })()
    await fails(reading, /was given up/)
    await fails(http.text(web.origin), /was given up/)
  })
})

describe('without a server', () => {
  test('each kind of absence has its sentence', async () => {
    const port = await freePort()
    await fails(client().text(`http://127.0.0.1:${port}/`), new RegExp(`127.0.0.1:${port} refuses connections`))
    await fails(client().text(`https://${NONE}/`), /there is no host|cannot be resolved now/)
  })

  test('TLS asked of a plain port has one, too', async () => {
    const web = await serveHttp(ok)
    await fails(
      client().text(web.origin.replace('http:', 'https:')),
      /does not speak TLS as it should .*check the port/,
    )
  })
})

needs('openssl').describe('a certificate', () => {
  test('of an authority that nobody knows is refused, and the sentence names NODE_EXTRA_CA_CERTS', async () => {
    const web = await serveTls(ok)
    await fails(
      client().text(`${web.origin}/?token=secret`),
      /^the certificate of localhost:\d+ does not verify \([A-Z_]+\): if it is of an authority of your own, name that in NODE_EXTRA_CA_CERTS$/,
    )
    expect(web.requests).toEqual([])
  })

  test('of a known authority is taken', async () => {
    const web = await serveTls(ok)
    expect((await client({ authority: authority().pem }).text(web.origin)).body).toBe('hello')
  })

  test('of the authority in NODE_EXTRA_CA_CERTS is taken', async () => {
    const web = await serveTls(ok)
    const built = fileURLToPath(new URL('../../../dist/src/system/http/client.js', import.meta.url))
    const program = `
      const { createHttpClient } = await import(${JSON.stringify(built)})
      const client = createHttpClient({ signal: new AbortController().signal, allowPlain: false })
      process.stdout.write((await client.text(${JSON.stringify(web.origin)})).body)`
    const env = { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: authority().file }
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { env })
    expect(stdout).toBe('hello')
  })

  test('for another name is refused', async () => {
    const web = await serveTls(ok, { names: ['other.test'] })
    await fails(client({ authority: authority().pem }).text(web.origin), /is for another name: check the address/)
  })
})

describe('a proxy', () => {
  needs('openssl').test('leads to an https: host that only it can resolve, and sees nothing of it', async () => {
    const web = await serveTls(ok)
    const proxy = await serveProxy()
    const env = { HTTPS_PROXY: proxy.origin }
    const http = client({ env, authority: authority().pem })
    const answer = await http.text(`https://release.test:${web.port}/x`, { bearer: 'secret' })
    expect(answer.body).toBe('hello')
    expect(proxy.led).toEqual([`release.test:${web.port}`])
    expect(proxy.authorizations).toEqual([undefined])
    expect(web.requests[0]?.headers).toMatchObject({ authorization: 'Bearer secret', host: `release.test:${web.port}` })
    await fails(http.text(`https://release.other:${web.port}/`), /is for another name/)
  })

  test('is asked for http: with the whole address, since many lead nowhere else', async () => {
    const web = await serveHttp(ok)
    const proxy = await serveProxy()
    const http = client({ env: { http_proxy: proxy.origin.slice('http://'.length) }, allowPlain: true })
    expect((await http.text(`http://release.test:${web.port}/x`)).body).toBe('hello')
    expect(proxy.led).toEqual([`http://release.test:${web.port}/x`])
  })

  test('is given no login for an http: host, also where nothing has to be verified', async () => {
    const web = await serveHttp(ok)
    const proxy = await serveProxy()
    const http = client({ env: { http_proxy: proxy.origin }, allowPlain: true })
    const url = `http://release.test:${web.port}/x`
    const what =
      /^http:\/\/release\.test:\d+\/x is not encrypted, and anybody on the way could read the login: use https/
    expect(await fails(http.text(url, { bearer: 'secret' }), what)).not.toContain('secret')
    expect(await fails(http.stream(url.replace('//', '//me:secret@')), what)).not.toContain('secret')
    expect(web.requests).toEqual([])
    await http.text(url, { headers: { 'X-Api-Key': 'secret', accept: 'text/plain' } })
    expect(web.requests[0]?.headers).toMatchObject({ accept: 'text/plain' })
    expect(JSON.stringify(web.requests[0]?.headers)).not.toContain('secret')
  })

  needs('openssl').test('gets its own user and password, and no other', async () => {
    const web = await serveTls(ok)
    const proxy = await serveProxy()
    const env = { https_proxy: proxy.origin.replace('//', '//me:p%40ss@'), HTTPS_PROXY: 'http://127.0.0.1:1' }
    const http = client({ env, authority: authority().pem })
    await http.text(`https://you:word@release.test:${web.port}/`)
    expect(proxy.authorizations).toEqual([`Basic ${Buffer.from('me:p@ss').toString('base64')}`])
    expect(web.requests[0]?.headers['proxy-authorization']).toBeUndefined()
  })

  test('is never asked for this machine, nor for what NO_PROXY names', async () => {
    const web = await serveHttp(ok)
    const proxy = await serveProxy()
    const env = { HTTP_PROXY: proxy.origin, HTTPS_PROXY: proxy.origin, NO_PROXY: `.invalid` }
    expect((await client({ env }).text(web.origin)).body).toBe('hello')
    await fails(client({ env }).text(`https://${NONE}/`), /there is no host autoup-nowhere|resolved now/)
    expect(proxy.led).toEqual([])
  })

  test.each([
    [407, /the proxy 127.0.0.1:\d+ asks for a login \(407\)/],
    [403, /the proxy 127.0.0.1:\d+ does not lead to release.test \(403\)/],
  ])('that refuses with %i is named', async (status, what) => {
    const proxy = await serveProxy({ status })
    const env = { HTTPS_PROXY: proxy.origin.replace('//', '//me:secret@') }
    const message = await fails(client({ env }).text('https://release.test/'), what)
    expect(message).not.toContain('secret')
  })

  test('that asks for a login for http: is named', async () => {
    const proxy = await serveProxy({ status: 407 })
    const http = client({ env: { HTTP_PROXY: proxy.origin }, allowPlain: true })
    await fails(http.text('http://release.test/'), /asks for a login \(407\)/)
  })

  test('that is not there is named', async () => {
    const env = { HTTPS_PROXY: `http://127.0.0.1:${await freePort()}` }
    await fails(client({ env }).text('https://release.test/'), /^the proxy 127.0.0.1:\d+ refuses connections/)
  })

  test('that says nothing is not waited for longer than a server', async () => {
    const web = await serveRaw(() => undefined)
    const http = client({ env: { HTTPS_PROXY: web.origin }, limits: { headersMs: 300 } })
    await fails(http.text('https://release.test/'), /release.test \(through the proxy .*\) does not answer in time/)
  })

  test('that is no address is an error that does not show it', async () => {
    for (const text of ['socks5://me:secret@127.0.0.1:1', 'http://me:secret@', '://secret']) {
      const http = client({ env: { HTTPS_PROXY: text } })
      expect(await fails(http.text('https://release.test/'), /HTTPS_PROXY names no proxy/)).not.toContain('secret')
    }
  })
})
