/**
 * The one HTTP client, for sources that are reached over the network; it runs in the stager. Everything is bounded: the
 * number of redirects, the size of a body, the time without an answer and without progress. Redirects are followed by
 * hand, since one may lead from https to http, to a file, or to a host that must not see a token. Nothing is unpacked
 * on the way: what is hashed is what was sent. Proxies come from the environment (proxy.ts).
 */

import { Agent, type Dispatcher, ProxyAgent, request } from 'undici'
import { AutoupError } from '../../core/errors.ts'
import type { HttpAnswer, HttpClient, HttpOptions } from '../../core/source.ts'
import { type Address, isReadable, readAddress, showUrl } from './address.ts'
import { explainHttpError, nameHost } from './error.ts'
import { HTTP_LIMITS, type HttpLimits } from './limits.ts'
import { proxyFor } from './proxy.ts'
import { Leash, steadily } from './rate.ts'

export interface HttpClientOptions {
  readonly signal: AbortSignal
  /** Allows http: to others than this machine (`--allow-unverified`). */
  readonly allowPlain: boolean
  readonly limits?: Partial<HttpLimits>
  /** Where proxies are named; default: the environment of this process. */
  readonly env?: NodeJS.ProcessEnv
  /** A certificate authority in PEM, instead of Node's own and those in NODE_EXTRA_CA_CERTS. */
  readonly authority?: string
}

/** Between two addresses of one host: 250 ms, Node's own, is less than one round trip on a bad line. */
const NEXT_ADDRESS_MS = 1_000

/** What may go with a redirect to another host, or without encryption: nothing in it is anybody's secret. */
const PLAIN_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'range',
  'if-range',
  'if-none-match',
  'if-modified-since',
])

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { signal, allowPlain, env = process.env } = options
  const limits = { ...HTTP_LIMITS, ...options.limits }
  const dispatcherFor = dispatchers(limits, options.authority)

  /** The answer after all redirects, its body not yet read. */
  async function send(start: string, asked: HttpOptions): Promise<Opened> {
    let address = readAddress(start, null, allowPlain)
    const authorization = asked.bearer ? `Bearer ${asked.bearer}` : address.basic
    const { origin } = address.url
    let isAtHome = true
    for (let hops = 0; ; hops++) {
      // Who has been led away once is not trusted with the token again, whatever the address then is.
      isAtHome &&= address.url.origin === origin
      if (isAtHome && authorization !== null) refuseReadable(address.url)
      const opened = await ask(address, asked, isAtHome ? authorization : null, isAtHome)
      const { status, headers } = opened.answer
      const isRedirect = [301, 302, 303, 307, 308].includes(status) && headers.location !== undefined
      if (!isRedirect) return opened
      opened.discard()
      if (hops === limits.redirects) {
        const what = `${showUrl(start)} redirects more than ${limits.redirects} times`
        throw new AutoupError('failed', `${what}, perhaps in a circle: check the address`)
      }
      address = readAddress(headers.location as string, address.url, allowPlain)
    }
  }

  async function ask(
    { url }: Address,
    { method = 'GET', headers: own = {} }: HttpOptions,
    authorization: string | null,
    isAtHome: boolean,
  ): Promise<Opened> {
    const proxy = proxyFor(url, env)
    const who = nameHost(url, proxy)
    const leash = new Leash(signal)
    const headers = {
      'user-agent': 'autoup',
      ...ownHeaders(own, isAtHome && !isReadable(url)),
      'accept-encoding': 'identity',
      ...(authorization === null ? {} : { authorization }),
    }
    try {
      const dispatcher = dispatcherFor(proxy)
      const asking = request(url, { method, headers, dispatcher, signal: leash.signal })
      const response = await leash.within(asking, limits.headersMs, `${who} does not answer in time: it is tried again`)
      return opened(response, { url, proxy, leash })
    } catch (error) {
      throw explainHttpError(error, url, proxy)
    }
  }

  return {
    async text(url, asked = {}) {
      const { answer, pieces } = await send(url, asked)
      const maxBytes = asked.maxBytes ?? limits.textBytes
      const chunks: Uint8Array[] = []
      let bytes = 0
      const encoding = answer.headers['content-encoding'] ?? 'identity'
      for await (const chunk of pieces({ ...limits, totalMs: limits.textMs })) {
        bytes += chunk.length
        if (bytes > maxBytes) {
          const what = `${showUrl(answer.url)} answers with more than ${maxBytes} bytes`
          throw new AutoupError('failed', `${what}, which is not what it should be`)
        }
        chunks.push(chunk)
      }
      if (bytes > 0 && encoding !== 'identity') {
        const what = `${showUrl(answer.url)} answers compressed (${encoding.slice(0, 40)})`
        throw new AutoupError('failed', `${what}, which it was not asked for: turn that off there`)
      }
      return { ...answer, body: Buffer.concat(chunks).toString('utf8') }
    },

    async stream(url, asked = {}) {
      const { answer, pieces, discard } = await send(url, asked)
      return {
        ...answer,
        bytes: pieces(limits),
        async cancel() {
          discard()
        },
      }
    },
  }
}

interface Opened {
  readonly answer: HttpAnswer
  pieces(limits: HttpLimits & { totalMs?: number }): AsyncGenerator<Uint8Array>
  /** The body is not wanted; its connection ends with it. */
  discard(): void
}

function opened(
  { statusCode, headers, body }: Dispatcher.ResponseData,
  { url, proxy, leash }: { readonly url: URL; readonly proxy: URL | null; readonly leash: Leash },
): Opened {
  // A body that is destroyed before anybody reads it says so, to nobody.
  body.on('error', () => undefined)
  return {
    answer: { status: statusCode, headers: plainHeaders(headers), url: url.href },
    async *pieces(limits) {
      // There is none, but undici misses the bytes that a length here speaks of (RFC 9110, 8.6).
      if (statusCode === 304 || statusCode === 204) return
      try {
        yield* steadily(body, leash, nameHost(url, proxy), limits)
      } catch (error) {
        throw explainHttpError(error, url, proxy)
      } finally {
        body.destroy()
      }
    },
    discard: () => void body.destroy(),
  }
}

/** One for each way, made when it is first taken. Their own timers are off where a leash holds. */
function dispatchers(limits: HttpLimits, authority: string | undefined): (proxy: URL | null) => Dispatcher {
  const made = new Map<string, Dispatcher>()
  const connect = {
    timeout: limits.connectMs,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_MS,
    ...(authority === undefined ? {} : { ca: authority }),
  }
  const options = { connect, headersTimeout: 0, bodyTimeout: 0, maxHeaderSize: limits.headerBytes }
  return (proxy) => {
    const key = proxy?.href ?? ''
    const dispatcher =
      made.get(key) ??
      (proxy
        ? new ProxyAgent({ ...options, uri: proxy.href, proxyTls: connect, requestTls: connect, proxyTunnel: false })
        : new Agent(options))
    made.set(key, dispatcher)
    return dispatcher
  }
}

/** Also where nothing has to be verified: `--allow-unverified` gives away no login. */
function refuseReadable(url: URL): void {
  if (!isReadable(url)) return
  const what = `${showUrl(url)} is not encrypted, and anybody on the way could read the login`
  throw new AutoupError('failed', `${what}: use https, or give neither a token nor user:password@`)
}

function ownHeaders(headers: Readonly<Record<string, string>>, withSecrets: boolean): Record<string, string> {
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const)
  return Object.fromEntries(withSecrets ? lower : lower.filter(([name]) => PLAIN_HEADERS.has(name)))
}

function plainHeaders(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  const plain: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) plain[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value
  }
  return plain
}
