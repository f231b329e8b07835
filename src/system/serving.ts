/**
 * Whether a worker serves: the `auto` readiness of DESIGN.md section 4. A server is seen in the kernel, without its
 * help: its epoll watches our listener, or it has accepted a connection of ours (servers on select or poll have no
 * epoll). A connection belongs to the process that holds its inode, so the old generation on the same socket is never
 * taken for the new one.
 */

import { errnoOf } from '../core/errors.ts'
import { close } from './libc/descriptors.ts'
import { pidfdGetfd, pidfdOpen } from './libc/processes.ts'
import { getsockname, isListening } from './libc/sockets.ts'
import { epollWatchesAny, openFiles, socketInodeIn, socketInodes, socketsOf, treeOf } from './procfs.ts'
import { connectedSockets } from './socket-tables.ts'

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

/** Up to so many sockets a copy of each costs less than a reading of all connections of the machine. */
const FEW = 64

/**
 * The local names of sockets of other processes, by inode, from copies of their descriptors (pidfd_getfd(2)); listening
 * ones are left out. Null where the kernel does not give them: then the tables say it.
 */
function askSockets(tree: readonly number[], sockets: ReadonlySet<number>): Map<number, SocketName> | null {
  const names = new Map<number, SocketName>()
  for (const member of tree) {
    const open = openFiles(member).flatMap(({ fd, target }) => {
      const inode = socketInodeIn(target)
      return inode !== null && sockets.has(inode) && !names.has(inode) ? [{ fd: Number(fd), inode }] : []
    })
    if (open.length === 0) continue
    let pidfd = -1
    try {
      pidfd = pidfdOpen(member)
      for (const { fd, inode } of open) names.set(inode, nameOfCopy(pidfd, fd))
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
