/**
 * The service that the demo keeps up: plain Node, no library. It takes its socket as descriptor 3, and on SIGTERM it
 * stops accepting but closes no connection that it would not have closed anyway. The demo copies the compiled file
 * with other values for VERSION and FAULT: these copies are the releases.
 */

import { writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { Server, type Socket } from 'node:net'
import { join } from 'node:path'

const VERSION: string = 'VERSION-OF-THE-RELEASE'
const FAULT: string = 'FAULT-OF-THE-RELEASE'

if (FAULT === 'at-start') throw new Error('this release crashes at start')

const connections = new Set<Socket>()
let isDraining = false

const server = createServer((request, response) => {
  // A bug that shows only in use: the worst kind, and the reason for probation.
  if (FAULT === 'in-use' && request.url === '/report') return die()
  setTimeout(() => answer(response), Math.random() * 5)
})

server.on('connection', (socket) => {
  connections.add(socket)
  socket.on('close', () => connections.delete(socket))
})

process.on('SIGTERM', () => {
  if (isDraining) return
  isDraining = true
  // Only the listening handle: Server#close of http would end idle connections as well.
  Server.prototype.close.call(server)
})

server.listen({ fd: 3 })

function answer(response: ServerResponse): void {
  if (isDraining) response.setHeader('Connection', 'close')
  response.end(VERSION)
}

/** Says whose requests it takes along, so that the demo can account for each. */
function die(): void {
  const ports = [...connections].map((socket) => socket.remotePort)
  writeFileSync(join(process.env.AUTOUP_DATA_DIR ?? '.', 'last-words.json'), JSON.stringify(ports))
  process.exit(3)
}
