/**
 * A unix stream socket that takes newline-separated lines: the door of AUTOUP_NOTIFY. Whoever connects is not trusted:
 * the length of a line and the number of connections are bounded. It never keeps the process alive. net is loaded with
 * the first server; the socket is made through libc, so that a failure is thrown at once and with its code.
 */

import type { Socket } from 'node:net'
import { close } from './libc/descriptors.ts'
import { bind, listen, socket } from './libc/sockets.ts'

export interface LineServer {
  /** Takes no new connection; what is on its way is still read, for at most a second. */
  close(): void
}

/** As long as a datagram of sd_notify may be. */
const LINE_MAX_CHARACTERS = 4_096
const CONNECTIONS_MAX = 16
const LINGER_MS = 1_000

/** The caller sets the mode of the path and removes it. Throws the system error when it cannot be bound. */
export function openLineServer(path: string, onLine: (line: string) => void): LineServer {
  const { createServer } = process.getBuiltinModule('node:net')
  const connections = new Set<Socket>()
  const server = createServer((connection) => {
    connections.add(connection)
    connection.on('close', () => connections.delete(connection))
    readLines(connection, onLine)
  })
  server.maxConnections = CONNECTIONS_MAX
  // An accept may fail for want of descriptors; the next one is tried by itself.
  server.on('error', () => undefined)
  // From here on the descriptor is the server's.
  server.listen({ fd: bound(path) })
  server.unref()
  return {
    close() {
      server.close()
      const timer = setTimeout(() => {
        for (const connection of connections) connection.destroy()
      }, LINGER_MS)
      timer.unref()
    },
  }
}

function bound(path: string): number {
  const fd = socket('unix', 'stream')
  try {
    bind(fd, { family: 'unix', path })
    listen(fd, CONNECTIONS_MAX)
    return fd
  } catch (error) {
    close(fd)
    throw error
  }
}

function readLines(connection: Socket, onLine: (line: string) => void): void {
  let rest = ''
  connection.unref()
  connection.setEncoding('utf8')
  // The peer may vanish at any time; 'close' follows.
  connection.on('error', () => undefined)
  connection.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() as string
    for (const line of lines) if (line !== '' && line.length <= LINE_MAX_CHARACTERS) onLine(line)
    if (rest.length > LINE_MAX_CHARACTERS) connection.destroy()
  })
  connection.on('end', () => {
    if (rest !== '') onLine(rest)
  })
}
