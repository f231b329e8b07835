/**
 * The same open loop in HTTP/2 over TLS, by a client that respects GOAWAY: a session that was told to go finishes what
 * it has begun, and the next request opens another. Where the word to go comes between a request and the write of it,
 * Node's client drops the request (REFUSED_STREAM), and so do servers with what came after the last stream that they
 * named; both say that nobody has seen it, so it goes to another session, once, and counts as moved. Every other stream
 * without an answer has failed.
 */

import http2 from 'node:http2'
import { answered, failed, isNextNew, openLoop, options, report } from './load-loop.mjs'

const address = `https://${options.target.host}:${options.target.port}`
const kept = []
const open = new Set()
/** Sessions that have received a GOAWAY. */
const told = new WeakSet()
let nextKept = 0
let inFlight = 0

function due(dueAt) {
  if (isNextNew()) return alone(dueAt, false)
  const place = nextKept++ % options.keepAlive
  if (!kept[place] || kept[place].closed || kept[place].destroyed) kept[place] = connect()
  request(kept[place], dueAt)
}

function alone(dueAt, isMoved) {
  const session = connect()
  request(session, dueAt, isMoved).once('close', () => session.close())
}

function connect() {
  report.connections++
  const session = http2.connect(address, { rejectUnauthorized: false, servername: 'localhost' })
  open.add(session)
  session.on('goaway', () => told.add(session))
  // Each of its streams says so too.
  session.on('error', () => {})
  session.on('close', () => open.delete(session))
  return session
}

function request(session, dueAt, isMoved = false) {
  const isReused = !session.connecting
  const stream = session.request({ ':path': options.path })
  let text = ''
  let status = null
  let error = null
  let isEnded = false
  inFlight++
  stream.setTimeout(options.timeoutMs, () => stream.close(http2.constants.NGHTTP2_CANCEL))
  stream.setEncoding('utf8')
  stream.on('response', (headers) => {
    status = headers[':status']
  })
  stream.on('data', (chunk) => {
    text += chunk
  })
  stream.on('end', () => {
    isEnded = true
  })
  stream.on('error', (reason) => {
    error = reason
  })
  stream.on('close', () => {
    inFlight--
    const isUnseen = stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM && told.has(session)
    if (isUnseen && !isMoved) {
      report.moved++
      return alone(dueAt, true)
    }
    const how = `${error?.code ?? 'closed'}: ${error?.message ?? `code ${stream.rstCode}`}`
    if (error?.code === 'ECONNREFUSED') failed('refused', how, dueAt, null)
    else if (stream.rstCode === http2.constants.NGHTTP2_CANCEL) failed('timeout', how, dueAt, null)
    else if (status === null) failed(isReused ? 'raced' : 'reset', how, dueAt, null)
    else if (error || !isEnded || stream.rstCode !== http2.constants.NGHTTP2_NO_ERROR) failed('cut', how, dueAt, null)
    else if (status !== options.status) failed('status', `${status} ${text.slice(0, 100)}`, dueAt, null)
    else answered(dueAt, text)
  })
  return stream
}

openLoop({
  send: due,
  rest() {},
  isQuiet() {
    if (inFlight > 0) return false
    for (const session of open) session.close()
    return open.size === 0
  },
  giveUp() {
    for (const session of [...open]) session.destroy()
  },
})
