/**
 * What a process and its descendants have for themselves, and a second generation of it would collide with: sockets
 * that they listen on by their own means, and files that they keep to themselves.
 */

import { readFileSync } from 'node:fs'
import { formatAddress } from '../core/address.ts'
import { openFiles, socketsOf, treeOf } from './procfs.ts'
import { listeningSockets } from './socket-tables.ts'

/** The addresses of their listening TCP and unix sockets, but for those in `exclude` (inodes). */
export function ownListeners(pid: number, exclude: ReadonlySet<number>): string[] {
  const sockets = socketsOf(treeOf(pid))
  for (const inode of exclude) sockets.delete(inode)
  if (sockets.size === 0) return []
  const addresses = [...listeningSockets()].flatMap(([inode, { host, port, path }]) => {
    if (!sockets.has(inode)) return []
    return [host !== null && port !== null ? formatAddress({ family: 'tcp', host, port }) : `unix:${path}`]
  })
  return [...new Set(addresses)]
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

/** `/proc/locks` names who took a lock, which a fork may have outlived; the `lock:` lines of fdinfo name who has it. */
function isLocked(pid: number, fd: string): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')
    return /^lock:.* (?:FLOCK|POSIX|OFDLCK) .* WRITE /m.test(text)
  } catch {
    return false
  }
}
