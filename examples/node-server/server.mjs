#!/usr/bin/env node
/**
 * A small HTTP service that autoup can swap without losing a request: no library, only the contract.
 *
 * It takes its listening socket as descriptor 3 (sd_listen_fds(3)), says READY=1 once it accepts, and on SIGTERM
 * leaves as a lame duck: it stops accepting, but closes no connection that it would not have closed anyway.
 * Started by hand, without a supervisor, it listens on PORT (default 8080).
 */

import http from 'node:http'
import net from 'node:net'

const VERSION = '1'

let isDraining = false

const server = http.createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost')
  switch (url.pathname) {
    case '/':
      return answer(response, 200)
    case '/slow': {
      const timer = setTimeout(() => answer(response, 200), Number(url.searchParams.get('ms') ?? 5_000))
      response.on('close', () => clearTimeout(timer))
      return
    }
    case '/crash':
      throw new Error('crashed because /crash was asked for')
    default:
      return answer(response, 404)
  }
})

/** Tells the client with every answer of a draining worker not to send another request on this connection. */
function answer(response, status) {
  if (isDraining) response.setHeader('Connection', 'close')
  response.writeHead(status, { 'Content-Type': 'application/json' })
  const generation = Number(process.env.AUTOUP_GENERATION ?? 0)
  response.end(`${JSON.stringify({ version: VERSION, pid: process.pid, generation })}\n`)
}

/**
 * Closes the listening handle and nothing else: `http.Server#close` would also close idle connections, and a client
 * that is just then sending on one of them gets a reset. `net.Server#close` leaves them to their keepAliveTimeout.
 * The process ends by itself with its last connection.
 */
function drain() {
  if (isDraining) return
  isDraining = true
  notify('STOPPING=1')
  net.Server.prototype.close.call(server)
}

/** One message to the supervisor: `KEY=value` lines over the unix stream socket AUTOUP_NOTIFY. */
function notify(message) {
  const path = process.env.AUTOUP_NOTIFY
  if (!path) return
  const socket = net.connect(path, () => socket.end(`${message}\n`))
  socket.on('error', (error) => console.error(`cannot notify the supervisor: ${error.message}`))
}

/** LISTEN_PID says for whom the descriptors are: a child of the intended process must not take them. */
const isActivated = process.env.LISTEN_PID === String(process.pid) && Number(process.env.LISTEN_FDS) >= 1

process.on('SIGTERM', drain)
server.on('listening', () => notify('READY=1'))
server.listen(isActivated ? { fd: 3 } : { port: Number(process.env.PORT ?? 8080) })
