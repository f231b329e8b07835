/**
 * A static web server of which every habit can be changed: with or without ETag, Last-Modified, HEAD, ranges, lengths.
 * It knows conditional requests as RFC 9110 has them.
 */

import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Asked, serveHttp, serveTls } from './web.ts'

export interface Page {
  body: Buffer | string
  /** Default: made of the bytes; null for none. */
  etag?: string | null
  /** Default: an hour before it was put there; null for none. */
  modified?: Date | null
  status?: number
  headers?: Record<string, string>
  /** Says no length. */
  chunked?: boolean
  /** Breaks the connection after so many bytes of each answer. */
  cutAfter?: number | undefined
  /** Runs when the body was sent, before the answer ends. */
  whileSending?: () => void
}

export interface Site {
  readonly origin: string
  readonly port: number
  readonly requests: readonly Asked[]
  /** Bytes of bodies that were sent. */
  readonly sent: () => number
  /** By path, without query. */
  readonly pages: Map<string, Page>
  put(path: string, page: Page | string | Buffer): void
  /** Lines such as `HEAD /app`, since the last call. */
  asked(): string[]
  /** Answers HEAD with this status. */
  headStatus: number | null
  hasRanges: boolean
  /** `user:password` or a token, without which everything is 401. */
  login: string | null
}

const AN_HOUR_MS = 3_600_000

/** With `names` over TLS, by these. */
export async function serveSite(options: { tls?: boolean; names?: string[] } = {}): Promise<Site> {
  const pages = new Map<string, Page>()
  let sent = 0
  let read = 0
  const site = {
    pages,
    headStatus: null as number | null,
    hasRanges: true,
    login: null as string | null,
    sent: () => sent,
    put(path: string, page: Page | string | Buffer) {
      // Told once: by the hour of each answer, a file would change whenever a second begins.
      const modified = new Date(Date.now() - AN_HOUR_MS)
      pages.set(
        path,
        typeof page === 'string' || Buffer.isBuffer(page) ? { modified, body: page } : { modified, ...page },
      )
    },
    asked() {
      const lines = web.requests.slice(read).map(({ line }) => line)
      read = web.requests.length
      return lines
    },
  }
  const handler = (request: IncomingMessage, response: ServerResponse): void => {
    sent += answer(site, request, response)
  }
  const { names, tls = names !== undefined } = options
  const web = await (tls ? serveTls(handler, { names }) : serveHttp(handler))
  return Object.assign(site, { origin: web.origin, port: web.port, requests: web.requests })
}

type Habits = Pick<Site, 'pages' | 'headStatus' | 'hasRanges' | 'login'>

/** How many bytes of a body it sends. */
function answer(site: Habits, request: IncomingMessage, response: ServerResponse): number {
  const isHead = request.method === 'HEAD'
  if (site.login !== null && !isLogin(request.headers.authorization, site.login)) return end(response, 401)
  if (isHead && site.headStatus !== null) return end(response, site.headStatus)
  const page = site.pages.get(new URL(request.url ?? '', 'http://x').pathname)
  if (!page) return end(response, 404)
  const body = Buffer.from(page.body)
  const etag = page.etag === undefined ? `"${createHash('md5').update(body).digest('hex')}"` : page.etag
  const modified = page.modified ?? null
  if (etag !== null) response.setHeader('etag', etag)
  if (modified !== null) response.setHeader('last-modified', modified.toUTCString())
  for (const [name, value] of Object.entries(page.headers ?? {})) response.setHeader(name, value)
  if ((page.status ?? 200) !== 200) return end(response, page.status ?? 200)
  const { 'if-none-match': known, 'if-modified-since': since, range } = request.headers
  if (known !== undefined ? known === etag : since !== undefined && modified !== null && modified <= new Date(since)) {
    return end(response, 304)
  }
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
  const isRest = site.hasRanges && range !== undefined && (request.headers['if-range'] ?? etag) === etag
  if (isRest && from >= body.length) return end(response, 416)
  const piece = isRest ? body.subarray(from) : body
  if (isRest) response.setHeader('content-range', `bytes ${from}-${body.length - 1}/${body.length}`)
  if (!page.chunked) response.setHeader('content-length', piece.length)
  response.statusCode = isRest ? 206 : 200
  if (isHead) return end(response, 200)
  if (page.cutAfter !== undefined && page.cutAfter < piece.length) {
    response.write(piece.subarray(0, page.cutAfter), () => response.destroy())
    return page.cutAfter
  }
  response.write(piece)
  page.whileSending?.()
  response.end()
  return piece.length
}

function end(response: ServerResponse, status: number): number {
  response.statusCode = status
  response.end()
  return 0
}

function isLogin(header: string | undefined, login: string): boolean {
  const basic = `Basic ${Buffer.from(login).toString('base64')}`
  return header === basic || header === `Bearer ${login}`
}
