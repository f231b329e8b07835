/**
 * The sockets of this network namespace as the kernel lists them, whoever has them (proc_pid_net(5)): where they are
 * bound, and whether they listen or are connected. A table is long on a busy machine, so its rows are read one by one
 * and little of each.
 */

import { readFileSync } from 'node:fs'
import { endianness } from 'node:os'
import type { Place } from './describe-socket.ts'
import { formatIpv6 } from './sockaddr.ts'

/** Where each listening socket of this network namespace is bound, by its inode. */
export function listeningSockets(): ReadonlyMap<number, Place> {
  const sockets = new Map<number, Place>()
  for (const row of tcpSockets()) if (row.isListening) sockets.set(row.inode, { ...row.local, path: null })
  for (const { isListening, inode, path } of unixSockets()) {
    if (isListening) sockets.set(inode, { host: null, port: null, path })
  }
  return sockets
}

/** The inodes of all connections on our ports and paths, whoever has them, from the tables of the kernel. */
export function connectedSockets(ports: ReadonlySet<number>, paths: ReadonlySet<string>): Set<number> {
  const inodes = new Set<number>()
  // A connection without an inode still waits in the queue, or nobody holds it any more.
  if (ports.size > 0) {
    for (const row of tcpSockets()) {
      if (row.isConnected && row.inode > 0 && ports.has(row.local.port)) inodes.add(row.inode)
    }
  }
  if (paths.size > 0) {
    for (const row of unixSockets()) {
      // The client's end has no path of its own.
      if (row.isConnected && paths.has(row.path)) inodes.add(row.inode)
    }
  }
  return inodes
}

interface Endpoint {
  readonly host: string
  readonly port: number
}

interface TcpRow {
  readonly local: Endpoint
  readonly inode: number
  readonly isListening: boolean
  readonly isConnected: boolean
}

/** TCP_SYN_SENT is the client's own state; TCP_LISTEN; the others are connections (include/net/tcp_states.h). */
const SYN_SENT = '02'
const LISTEN = '0A'
const TIME_WAIT = '06'

/** With the length of an address and its port, in hex digits. */
const TCP_TABLES = [
  ['/proc/net/tcp', 13],
  ['/proc/net/tcp6', 37],
] as const

/**
 * `/proc/net/tcp` and `tcp6` of proc(5): `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode`.
 */
function* tcpSockets(): Generator<TcpRow> {
  for (const [path, addressLength] of TCP_TABLES) {
    const text = table(path)
    for (let at = text.indexOf('\n') + 1, end = 0; at > 0 && end >= 0; at = end + 1) {
      end = text.indexOf('\n', at)
      // `sl: local remote st`: by far the most lines of a busy server are of connections that are over.
      const state = text.indexOf(':', at) + 2 + 2 * (addressLength + 1)
      if (end < 0 || text.startsWith(TIME_WAIT, state)) continue
      yield tcpRow(text.slice(at, end).trim().split(/ +/))
    }
  }
}

function tcpRow(fields: readonly string[]): TcpRow {
  const [, local = '', , state] = fields
  const colon = local.indexOf(':')
  return {
    get local() {
      return { host: hostOf(local.slice(0, colon)), port: Number.parseInt(local.slice(colon + 1), 16) }
    },
    inode: Number(fields[9]),
    isListening: state === LISTEN,
    isConnected: state !== LISTEN && state !== SYN_SENT,
  }
}

interface UnixRow {
  readonly path: string
  readonly inode: number
  readonly isListening: boolean
  readonly isConnected: boolean
}

/** `__SO_ACCEPTCON` of linux/net.h, and SS_CONNECTED of enum socket_state. */
const ACCEPTS = 0x10000
const CONNECTED = '03'

/** `/proc/net/unix` of proc(5): `Num RefCount Protocol Flags Type St Inode Path`. */
function* unixSockets(): Generator<UnixRow> {
  for (const line of table('/proc/net/unix').split('\n').slice(1)) {
    const match = /^\S+ \S+ \S+ (\S+) \S+ (\S+) +(\d+)(?: (.*))?$/.exec(line)
    if (match === null) continue
    yield {
      path: match[4] ?? '',
      inode: Number(match[3]),
      isListening: (Number.parseInt(match[1] as string, 16) & ACCEPTS) !== 0,
      isConnected: match[2] === CONNECTED,
    }
  }
}

/** The kernel prints addresses as 32-bit words in the byte order of the machine. */
function hostOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex')
  if (endianness() === 'LE') bytes.swap32()
  return bytes.length === 4 ? bytes.join('.') : formatIpv6(bytes)
}

function table(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
