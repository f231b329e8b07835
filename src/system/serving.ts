/**
 * Whether a worker serves, and what it holds that a second generation of it would collide with: the `auto` readiness of
 * DESIGN.md section 4. A server is seen in the kernel, without its help: its epoll watches our listener, or it has
 * accepted a connection of ours (servers on select or poll have no epoll). A connection belongs to the process that
 * holds its inode, so the old generation on the same socket is never taken for the new one.
 */

import { readFileSync } from 'node:fs'
import { endianness } from 'node:os'
import { formatAddress } from '../core/address.ts'
import { errnoOf } from '../core/errors.ts'
import type { Place } from './describe-socket.ts'
import { close } from './libc/descriptors.ts'
import { pidfdGetfd, pidfdOpen } from './libc/processes.ts'
import { getsockname, isListening } from './libc/sockets.ts'
import { epollWatchesAny, openFiles, socketInodes, treeOf } from './procfs.ts'

export type ServingProof = 'epoll' | 'accepted'

/** How the process `pid`, or one of its descendants, is seen to serve our listeners; null when it is not. */
export function servesSocket(
  pid: number,
  listenerInodes: ReadonlySet<number>,
  ports: ReadonlySet<number>,
  unixPaths: ReadonlySet<string>,
): ServingProof | null {
  const tree = treeOf(pid)
  if (tree.some((member) => epollWatchesAny(member, listenerInodes))) return 'epoll'
  // What it has from us, its stdio too, is no connection that it has accepted; the tables are long on a busy machine.
  const given = new Set([...listenerInodes, ...socketInodes(process.pid)])
  for (const _ of acceptedBy(tree, given, ports, unixPaths, () => connectedSockets(ports, unixPaths))) return 'accepted'
  return null
}

/**
 * Counts how many connections that came through our listeners a process and its descendants hold. For one moment: the
 * tables of the kernel are read at most once, however many processes are asked about.
 */
export function connectionCounter(
  listenerInodes: ReadonlySet<number>,
  ports: ReadonlySet<number>,
  unixPaths: ReadonlySet<string>,
): (pid: number) => number {
  let found: ReadonlySet<number> | null = null
  const connected = (): ReadonlySet<number> => {
    found ??= connectedSockets(ports, unixPaths)
    return found
  }
  return (pid) => new Set(acceptedBy(treeOf(pid), listenerInodes, ports, unixPaths, connected)).size
}

/** The listening TCP and unix sockets of the process and its descendants, but for those in `exclude` (inodes). */
export function ownListeners(pid: number, exclude: ReadonlySet<number>): { address: string }[] {
  const sockets = socketsOf(treeOf(pid))
  for (const inode of exclude) sockets.delete(inode)
  if (sockets.size === 0) return []
  const addresses = [
    ...[...tcpSockets()].filter((row) => row.isListening && sockets.has(row.inode)).map(({ local }) => hostPort(local)),
    ...[...unixSockets()].filter((row) => row.isListening && sockets.has(row.inode)).map(({ path }) => `unix:${path}`),
  ]
  return [...new Set(addresses)].map((address) => ({ address }))
}

/** Where each listening socket of this network namespace is bound, by its inode. */
export function listeningSockets(): ReadonlyMap<number, Place> {
  const sockets = new Map<number, Place>()
  for (const row of tcpSockets()) if (row.isListening) sockets.set(row.inode, { ...row.local, path: null })
  for (const { isListening, inode, path } of unixSockets()) {
    if (isListening) sockets.set(inode, { host: null, port: null, path })
  }
  return sockets
}

/** Files that the process or a descendant has locked for itself (flock(2), fcntl(2)), and pid files it holds open. */
export function lockedFiles(pid: number): string[] {
  const files = new Set<string>()
  for (const member of treeOf(pid)) {
    for (const { fd, target } of openFiles(member)) {
      if (!target.startsWith('/') || target.startsWith('/dev/')) continue
      if (target.endsWith('.pid') || isLocked(member, fd)) files.add(target)
    }
  }
  return [...files]
}

function socketsOf(tree: readonly number[]): Set<number> {
  const sockets = new Set<number>()
  for (const member of tree) for (const inode of socketInodes(member)) sockets.add(inode)
  return sockets
}

/** The inodes of accepted connections of ours that the tree holds. */
function* acceptedBy(
  tree: readonly number[],
  listenerInodes: ReadonlySet<number>,
  ports: ReadonlySet<number>,
  paths: ReadonlySet<string>,
  connected: () => ReadonlySet<number>,
): Generator<number> {
  const sockets = socketsOf(tree)
  for (const inode of listenerInodes) sockets.delete(inode)
  // The tables are long on a busy machine: without a socket of its own none is read, and few are asked themselves.
  if (sockets.size === 0) return
  const asked = sockets.size <= FEW ? askSockets(tree, sockets) : null
  if (asked) {
    for (const [inode, name] of asked) {
      const isOurs = 'port' in name ? ports.has(name.port) : 'path' in name && paths.has(name.path)
      if (isOurs) yield inode
    }
    return
  }
  const all = connected()
  for (const inode of sockets) if (all.has(inode)) yield inode
}

/** The inodes of all connections on our ports and paths, whoever has them, from the tables of the kernel. */
function connectedSockets(ports: ReadonlySet<number>, paths: ReadonlySet<string>): Set<number> {
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

/** Up to so many sockets a copy of each costs less than a reading of all connections of the machine. */
const FEW = 64

/**
 * The local names of sockets of other processes, by inode, from copies of their descriptors (pidfd_getfd(2)); listening
 * ones are left out. Null where the kernel does not give them: then the tables say it.
 */
function askSockets(tree: readonly number[], sockets: ReadonlySet<number>): Map<number, SocketName> | null {
  const names = new Map<number, SocketName>()
  for (const member of tree) {
    const open = openFiles(member).filter(({ target }) => sockets.has(inodeIn(target)) && !names.has(inodeIn(target)))
    if (open.length === 0) continue
    let pidfd = -1
    try {
      pidfd = pidfdOpen(member)
      for (const { fd, target } of open) names.set(inodeIn(target), nameOfCopy(pidfd, Number(fd)))
    } catch (error) {
      // A descriptor or a process that is gone meanwhile has accepted nothing that would still count.
      if (errnoOf(error) === 'EPERM' || errnoOf(error) === 'ENOSYS') return null
    } finally {
      if (pidfd >= 0) close(pidfd)
    }
  }
  return names
}

type SocketName = ReturnType<typeof getsockname>

function nameOfCopy(pidfd: number, fd: number): SocketName {
  const copy = pidfdGetfd(pidfd, fd)
  try {
    return isListening(copy) ? { family: 'other' } : getsockname(copy)
  } finally {
    close(copy)
  }
}

function inodeIn(target: string): number {
  return Number(/^socket:\[(\d+)\]$/.exec(target)?.[1])
}

/** `/proc/locks` names who took a lock, which a fork may have outlived; the `lock:` lines of fdinfo name who has it. */
function isLocked(pid: number, fd: string): boolean {
  return /^lock:.* (?:FLOCK|POSIX|OFDLCK) .* WRITE /m.test(table(`/proc/${pid}/fdinfo/${fd}`))
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

/** `/proc/net/tcp` and `tcp6` of proc(5): `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode`. */
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
  if (bytes.length === 4) return bytes.join('.')
  const groups = bytes.toString('hex').match(/.{4}/g) as string[]
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

function hostPort({ host, port }: Endpoint): string {
  return formatAddress({ family: 'tcp', host, port })
}

function table(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
