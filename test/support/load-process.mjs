/**
 * The load generator itself: open-loop HTTP/1.1 on raw sockets, so that every reset is seen as what it is. A request
 * is due by the clock, whatever became of the one before; its time counts from when it was due. Nothing is tried
 * again.
 */

import net from 'node:net'
import tls from 'node:tls'
import { answered, failed, isNextNew, openLoop, options, report } from './load-loop.mjs'

const idle = []
const waiting = []
const open = new Set()
let keptAlive = 0
let isStopping = false

function due(dueAt) {
  if (isNextNew()) return send(connect(false), { dueAt, isReused: false })
  const connection = idle.shift()
  if (connection) return send(connection, { dueAt, isReused: true })
  if (keptAlive < options.keepAlive) return send(connect(true), { dueAt, isReused: false })
  waiting.push(dueAt)
}

function connect(isKept) {
  report.connections++
  if (isKept) keptAlive++
  const socket = options.isTls
    ? tls.connect({ ...options.target, rejectUnauthorized: false })
    : net.connect(options.target)
  socket.setNoDelay(true)
  const connection = { socket, isKept, request: null, text: '', isEnded: false, isFresh: true }
  open.add(connection)
  socket.setEncoding('latin1')
  socket.on(options.isTls ? 'secureConnect' : 'connect', () => connection.request && write(connection))
  socket.on('data', (chunk) => {
    connection.text += chunk
    receive(connection, false)
  })
  socket.on('end', () => receive(connection, true))
  socket.on('error', (error) => lost(connection, error))
  socket.on('close', () => lost(connection, null))
  return connection
}

function send(connection, request) {
  connection.request = request
  connection.text = ''
  request.timer = setTimeout(
    () => fail(connection, 'timeout', `no answer in ${options.timeoutMs} ms`),
    options.timeoutMs,
  )
  if (!connection.isFresh) write(connection)
}

function write(connection) {
  connection.isFresh = false
  const keep = connection.isKept ? 'keep-alive' : 'close'
  connection.socket.write(`GET ${options.path} HTTP/1.1\r\nHost: ${options.host}\r\nConnection: ${keep}\r\n\r\n`)
}

/** One answer, as soon as it is whole: by Content-Length, by chunks, or by the end of the connection. */
function receive(connection, isEnded) {
  const { request, text } = connection
  if (!request) {
    if (!isEnded) end(connection)
    return
  }
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) return
  const head = text.slice(0, headEnd)
  const body = text.slice(headEnd + 4)
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1])
  if (!status) return fail(connection, 'malformed', head.slice(0, 100))
  const length = /^content-length: *(\d+)/im.exec(head)?.[1]
  const isChunked = /^transfer-encoding: *chunked/im.test(head)
  if (isChunked ? !body.endsWith('0\r\n\r\n') : length === undefined ? !isEnded : body.length < Number(length)) return
  if (status !== options.status) return fail(connection, 'status', `${status} ${body.slice(0, 100)}`)
  finish(connection, text)
  const isClosing =
    /^connection: *close/im.test(head) || (/^HTTP\/1\.0/.test(head) && !/^connection: *keep-alive/im.test(head))
  const isLast = isStopping && waiting.length === 0
  if (isEnded || isClosing || !connection.isKept || isLast) return end(connection)
  const dueAt = waiting.shift()
  if (dueAt === undefined) idle.push(connection)
  else send(connection, { dueAt, isReused: true })
}

function finish(connection, text) {
  const { request } = connection
  connection.request = null
  clearTimeout(request.timer)
  answered(request.dueAt, text)
}

function fail(connection, kind, detail) {
  const { request } = connection
  connection.request = null
  if (request) {
    clearTimeout(request.timer)
    failed(kind, detail, request.dueAt, connection.socket.localPort)
  }
  end(connection)
}

/** The other side is gone, by FIN or RST. */
function lost(connection, error) {
  if (connection.isEnded) return
  if (!connection.request) {
    report.idleClosed++
    return end(connection)
  }
  const how = error ? (error.code ?? error.message) : 'closed'
  if (how === 'ECONNREFUSED' || how === 'ENOENT') return fail(connection, 'refused', how)
  if (connection.text !== '')
    return fail(connection, 'cut', `${how} after ${connection.text.length} bytes of the answer`)
  fail(connection, connection.request.isReused ? 'raced' : 'reset', `${how} before an answer`)
}

function end(connection) {
  if (connection.isEnded) return
  connection.isEnded = true
  open.delete(connection)
  const at = idle.indexOf(connection)
  if (at >= 0) idle.splice(at, 1)
  connection.socket.destroy()
  if (!connection.isKept) return
  keptAlive--
  const dueAt = waiting.shift()
  if (dueAt !== undefined) send(connect(true), { dueAt, isReused: false })
}

openLoop({
  send: due,
  rest() {
    isStopping = true
    for (const connection of [...idle]) end(connection)
  },
  isQuiet: () => open.size === 0 && waiting.length === 0,
  giveUp() {
    for (const dueAt of waiting.splice(0)) failed('timeout', 'no free keep-alive connection', dueAt, null)
    for (const connection of [...open]) fail(connection, 'timeout', 'unanswered at the end')
  },
})
