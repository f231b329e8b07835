/**
 * The one HTTP client, for sources that are reached over the network; it runs in the stager. Everything is bounded: the
 * number of redirects, the size of a body, the time without progress. Redirects are followed by hand, since a redirect
 * may lead from https to http, to a file, or to a host that must not see a token. Proxies come from the environment
 * (HTTPS_PROXY, HTTP_PROXY, NO_PROXY).
 */

import { type Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import { AutoupError } from '../core/errors.ts'
import type { HttpAnswer, HttpClient, HttpOptions } from '../core/source.ts'
import { explainHttpError } from './http-error.ts'
import { steadily } from './http-rate.ts'

export interface HttpClientOptions {
  readonly signal: AbortSignal
  /** Allows http: to others than this machine (`--allow-unverified`). */
  readonly allowPlain: boolean
  readonly limits?: Partial<typeof HTTP_LIMITS>
}

export const HTTP_LIMITS = {
  redirects: 5,
  connectMs: 10_000,
  /** Until the first byte of the answer. */
  headersMs: 30_000,
  /** Between two pieces of a body. */
  silenceMs: 30_000,
  /** A body slower than this over `rateWindowMs` is given up: a slow drip holds a stager for ever. */
  minBytesPerSecond: 1_024,
  rateWindowMs: 30_000,
  headerBytes: 65_536,
  /** What is read whole: a manifest, an API answer, a checksum file. */
  textBytes: 8_388_608,
} as const

/** The bodies of redirects and errors are of no interest, but a connection can be used again once they are read. */
const DUMP_BYTES = 65_536

export function createHttpClient({ signal, allowPlain, limits: own }: HttpClientOptions): HttpClient {
  const limits = { ...HTTP_LIMITS, ...own }
  const dispatcher = new EnvHttpProxyAgent({
    connect: { timeout: limits.connectMs },
    headersTimeout: limits.headersMs,
    bodyTimeout: limits.silenceMs,
    maxHeaderSize: limits.headerBytes,
  })

  /** The answer after all redirects, its body not yet read. */
  async function send(
    start: string,
    options: HttpOptions,
  ): Promise<{ answer: HttpAnswer; body: Dispatcher.ResponseData['body'] }> {
    let url = checkUrl(start, null, allowPlain)
    const { origin } = url
    for (let hops = 0; ; hops++) {
      const { statusCode: status, headers: raw, body } = await ask(url, options, url.origin === origin)
      const headers = plainHeaders(raw)
      const location = headers.location
      if (![301, 302, 303, 307, 308].includes(status) || location === undefined)
        return { answer: { status, headers, url: url.href }, body }
      await body.dump({ limit: DUMP_BYTES }).catch(() => undefined)
      if (hops === limits.redirects) {
        throw new AutoupError('failed', `${start} redirects more than ${limits.redirects} times: check the address`)
      }
      url = checkUrl(location, url, allowPlain)
    }
  }

  async function ask(
    url: URL,
    { method = 'GET', headers, bearer }: HttpOptions,
    isOrigin: boolean,
  ): Promise<Dispatcher.ResponseData> {
    const authorization = bearer && isOrigin ? { authorization: `Bearer ${bearer}` } : {}
    const all = { 'user-agent': 'autoup', ...headers, ...authorization }
    try {
      return await request(url, { method, headers: all, dispatcher, signal })
    } catch (error) {
      throw explainHttpError(error, url)
    }
  }

  return {
    async text(url, options = {}) {
      const { answer, body } = await send(url, options)
      const maxBytes = options.maxBytes ?? limits.textBytes
      const chunks: Uint8Array[] = []
      let bytes = 0
      for await (const chunk of steadily(body, new URL(answer.url), limits)) {
        bytes += chunk.length
        if (bytes > maxBytes) {
          body.destroy()
          throw new AutoupError(
            'failed',
            `${answer.url} answers with more than ${maxBytes} bytes, which is not what it should be`,
          )
        }
        chunks.push(chunk)
      }
      return { ...answer, body: Buffer.concat(chunks).toString('utf8') }
    },

    async stream(url, options = {}) {
      const { answer, body } = await send(url, options)
      return {
        ...answer,
        bytes: steadily(body, new URL(answer.url), limits),
        async cancel() {
          body.destroy()
        },
      }
    },
  }
}

/** https, or http to this machine. `from` is the page that redirects. */
function checkUrl(text: string, from: URL | null, allowPlain: boolean): URL {
  const where = from ? `${from.origin} redirects to` : 'the source is'
  let url: URL
  try {
    url = new URL(text, from ?? undefined)
  } catch (cause) {
    throw new AutoupError('failed', `${where} '${text.slice(0, 200)}', which is no address`, { cause })
  }
  if (url.protocol === 'https:') return url
  if (url.protocol !== 'http:')
    throw new AutoupError('failed', `${where} ${url.protocol}, which is not followed: only https is`)
  if (from?.protocol === 'https:')
    throw new AutoupError('failed', `${where} http:, which is not followed: what was https stays https`)
  if (isLoopback(url.hostname) || allowPlain) return url
  throw new AutoupError('failed', `${where} ${url.origin}, which is not encrypted: use https, or --allow-unverified`)
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

function plainHeaders(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  const plain: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) plain[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value
  }
  return plain
}
