/**
 * What `--metrics` serves: a page for people and /metrics for Prometheus. Read only, and for whoever can reach the
 * address, so it is stricter than the control socket: it takes GET and HEAD, it goes by addresses and the names it was
 * given, and its page may load and run nothing but what is in it. Owned by the master; not loaded without the option.
 * A service does not wait for its page: an address that is taken is tried again until it is free.
 */

import { createHash } from 'node:crypto'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { formatAddress } from '../../core/address.ts'
import { messageOf } from '../../core/errors.ts'
import type { AutoupEvent } from '../../core/events.ts'
import { isHostAllowed, type PageAddress } from '../../core/page-address.ts'
import type { Sight } from '../../core/sight.ts'
import { bindFailure } from '../../system/bind-failure.ts'
import { type ControlRequest, type HttpProblem, readRequest, respond, respondText } from '../control/http-exchange.ts'
import type { TextAnswer } from '../control/server.ts'
import { PageFeed } from './feed.ts'
import type { PagePresenter } from './presenters.ts'

export interface PageSource {
  sight(): Promise<Sight>
  metrics(): Promise<TextAnswer>
  /** Calls back after each event, until the returned function is called. */
  subscribe(listener: () => void): () => void
}

export interface PageServer {
  /** Ends every connection. */
  close(): Promise<void>
}

/** People and scrapers; what comes beyond is not accepted. */
const CONNECTIONS = 128
const RETRY_MS = 5_000

export function startPageServer(
  { address, hosts }: PageAddress,
  source: PageSource,
  page: PagePresenter,
  emit: (event: AutoupEvent) => void,
): PageServer {
  const sockets = new Set<Socket>()
  const feed = new PageFeed({
    parts: async () => page.parts(await source.sight()),
    subscribe: (listener) => source.subscribe(listener),
  })
  const headers = pageHeaders(page)
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // Whatever it is, 'close' follows, and the client is gone.
    socket.on('error', () => {})
    readRequest(socket, (request) => {
      answer(socket, request, { hosts, source, page, feed, headers }).catch((error: unknown) => {
        if (!socket.destroyed) respond(socket, 500, { error: messageOf(error) })
      })
    })
  })
  server.maxConnections = CONNECTIONS
  const stop = listenUntilItWorks(server, address, emit)
  return {
    close() {
      stop()
      feed.close()
      return new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      })
    },
  }
}

interface Context {
  readonly hosts: readonly string[]
  readonly source: PageSource
  readonly page: PagePresenter
  readonly feed: PageFeed
  readonly headers: Record<string, string>
}

async function answer(socket: Socket, request: ControlRequest | HttpProblem, context: Context): Promise<void> {
  if ('status' in request) return respond(socket, request.status, { error: request.message })
  const { method, path, headers } = request
  const host = headers.get('host')
  if (!isHostAllowed(host, context.hosts)) {
    const advice = `ask by the address, or start with --metrics ADDR?host=${(host ?? 'NAME').replace(/:\d+$/, '')}`
    return respond(socket, 421, { error: `this page does not go by the name in Host: ${advice}` })
  }
  if (!['/', '/metrics', '/live'].includes(path)) {
    return respond(socket, 404, { error: `there is no ${path} here: see / and /metrics` })
  }
  if (method !== 'GET' && method !== 'HEAD') {
    return respond(socket, 405, { error: `${path} takes GET, not ${method}: nothing can be changed here` }, ALLOW)
  }
  const isHead = method === 'HEAD'
  if (path === '/live')
    return isHead ? respondText(socket, 'text/event-stream', '', { isHead }) : context.feed.add(socket)
  const { contentType, text } =
    path === '/metrics'
      ? await context.source.metrics()
      : { contentType: 'text/html; charset=utf-8', text: context.page.document(await context.source.sight()) }
  if (!socket.destroyed) respondText(socket, contentType, text, { isHead, headers: context.headers })
}

const ALLOW = { Allow: 'GET, HEAD' }

/** Content Security Policy 3: its own style and script by their digests, its own /live, and nothing else. */
function pageHeaders({ style, script }: PagePresenter): Record<string, string> {
  const digest = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
  const policy = [
    "default-src 'none'",
    `style-src ${digest(style)}`,
    `script-src ${digest(script)}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]
  return {
    'Content-Security-Policy': policy.join('; '),
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-store',
  }
}

/** Says once why it does not, and where it does. The returned function ends the trying. */
function listenUntilItWorks(
  server: Server,
  address: PageAddress['address'],
  emit: (event: AutoupEvent) => void,
): () => void {
  const { host, port } = address
  let timer: NodeJS.Timeout | null = null
  let isTold = false
  const listen = (): void => void server.listen(host === null ? { port } : { host, port })
  server.on('error', (error) => {
    // An accept(2) that fails (EMFILE) is tried again with the next connection.
    if (server.listening) return
    if (!isTold) emit({ type: 'warning', message: `no page: ${messageOf(bindFailure(address, error))}` })
    isTold = true
    timer = setTimeout(listen, RETRY_MS)
  })
  server.on('listening', () => {
    const bound = server.address() as AddressInfo
    emit({ type: 'page-opened', address: formatAddress({ family: 'tcp', host: bound.address, port: bound.port }) })
  })
  listen()
  return () => {
    if (timer) clearTimeout(timer)
  }
}
