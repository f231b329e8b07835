/**
 * One HTTP/1.1 request and its answer over a stream (RFC 9112), as little as the control socket needs: one exchange
 * per connection, bodies with a Content-Length. By hand, because the master would have `node:http` for life: 2.8 MiB
 * more resident memory than `node:net` after 200 answers, of a budget of 16 for all. The peer is the owner of the
 * socket (mode 0600), so the limits are against accidents; every one of them answers with a sentence.
 */

import type { Socket } from 'node:net'
import { noteClosed } from './collect.ts'

export interface ControlRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

export interface HttpProblem {
  readonly status: number
  readonly message: string
}

const HEAD_BYTES = 8 * 1024
const BODY_BYTES = 64 * 1024
/** From the connection to the end of the request. */
const REQUEST_TIMEOUT_MS = 10_000
/** From the answer to the end of the connection. */
const ANSWER_TIMEOUT_MS = 30_000

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  411: 'Length Required',
  413: 'Content Too Large',
  421: 'Misdirected Request',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
}

/** Calls back exactly once, unless the client goes away before. What the client sends later is thrown away. */
export function readRequest(socket: Socket, done: (result: ControlRequest | HttpProblem) => void): void {
  let bytes: Buffer = Buffer.alloc(0)
  const timer = setTimeout(() => finish({ status: 408, message: 'the request did not arrive' }), REQUEST_TIMEOUT_MS)
  timer.unref()
  socket.on('data', take)
  socket.once('close', () => {
    clearTimeout(timer)
    noteClosed()
  })

  function take(chunk: Buffer): void {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    const result = parseRequest(bytes)
    if (result) finish(result)
  }

  function finish(result: ControlRequest | HttpProblem): void {
    clearTimeout(timer)
    socket.off('data', take)
    socket.resume()
    done(result)
  }
}

/** The whole answer, and the end of the connection. */
export function respond(socket: Socket, status: number, value: unknown, headers: Record<string, string> = {}): void {
  const body = `${JSON.stringify(value)}\n`
  const all = { 'Content-Type': 'application/json', 'Content-Length': `${Buffer.byteLength(body)}`, ...headers }
  conclude(socket, `${head(status, all)}${body}`)
}

/** The same with a body of another type, which the answer to a HEAD only describes. */
export function respondText(
  socket: Socket,
  contentType: string,
  body: string,
  { headers = {}, isHead = false }: { headers?: Record<string, string>; isHead?: boolean } = {},
): void {
  const all = { 'Content-Type': contentType, 'Content-Length': `${Buffer.byteLength(body)}`, ...headers }
  conclude(socket, `${head(200, all)}${isHead ? '' : body}`)
}

/** The beginning of an answer that lasts until the connection ends. */
export function beginStream(socket: Socket, contentType: string): void {
  socket.write(head(200, { 'Content-Type': contentType, 'Cache-Control': 'no-store' }))
}

/** Whoever does not take it in time, or does not hang up, is let go of: others want the connection. */
function conclude(socket: Socket, answer: string): void {
  socket.end(answer)
  const timer = setTimeout(() => socket.destroy(), ANSWER_TIMEOUT_MS).unref()
  socket.once('close', () => clearTimeout(timer))
}

/** Null while more bytes are needed. */
function parseRequest(bytes: Buffer): ControlRequest | HttpProblem | null {
  const end = bytes.indexOf('\r\n\r\n')
  if (end > HEAD_BYTES || (end < 0 && bytes.length > HEAD_BYTES))
    return { status: 431, message: 'the head is too long' }
  if (end < 0) return null
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const line = /^([A-Z]+) (\/\S*) HTTP\/1\.[01]$/.exec(first)
  if (!line) return { status: 400, message: 'this is not an HTTP/1.1 request' }
  const headers = parseHeaders(lines)
  if (!headers) return { status: 400, message: 'a header is malformed' }
  if (headers.has('transfer-encoding')) return { status: 411, message: 'send the body with a content-length' }
  const length = headers.get('content-length') ?? '0'
  if (!/^\d{1,15}$/.test(length)) return { status: 400, message: 'the content-length is not a number' }
  if (Number(length) > BODY_BYTES) return { status: 413, message: `the body is over ${BODY_BYTES} bytes` }
  const bodyAt = end + 4
  if (bytes.length < bodyAt + Number(length)) return null
  const target = line[2] as string
  const question = target.indexOf('?')
  return {
    method: line[1] as string,
    path: question < 0 ? target : target.slice(0, question),
    query: new URLSearchParams(question < 0 ? '' : target.slice(question + 1)),
    headers,
    body: bytes.toString('utf8', bodyAt, bodyAt + Number(length)),
  }
}

function parseHeaders(lines: readonly string[]): Map<string, string> | null {
  const headers = new Map<string, string>()
  for (const line of lines) {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line)
    if (!match) return null
    headers.set((match[1] as string).toLowerCase(), match[2] as string)
  }
  return headers
}

function head(status: number, headers: Record<string, string>): string {
  const lines = Object.entries({ ...headers, Connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${REASONS[status] ?? 'Unknown'}\r\n${lines.join('')}\r\n`
}
