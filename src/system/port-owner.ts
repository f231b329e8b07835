/**
 * Who listens on an address, for the sentence that says a port is in use. The kernel's socket tables give the inode,
 * the descriptors of all processes the holder. For another user's process the descriptors cannot be read, so the answer
 * may be null although the port is taken.
 */

import type { Address } from '../core/address.ts'
import type { Place } from './describe-socket.ts'
import { holdersOf, readStat } from './procfs.ts'
import { isAnyHost, isSameHost } from './sockaddr.ts'
import { listeningSockets } from './socket-tables.ts'

export interface PortOwner {
  readonly pid: number
  readonly command: string
}

/** The process that listens on this address or on one that covers it; the oldest pid where several share it. */
export function findListeningOwner(address: Address): PortOwner | null {
  const inodes = [...listeningSockets()].flatMap(([inode, place]) => (overlaps(place, address) ? [inode] : []))
  if (inodes.length === 0) return null
  const pid = holdersOf(new Set(inodes)).sort((a, b) => a - b)[0]
  return pid === undefined ? null : { pid, command: readStat(pid)?.command ?? 'gone by now' }
}

/** An address of all zeros covers every other. */
function overlaps({ host, port, path }: Place, address: Address): boolean {
  if (address.family === 'unix') return path === address.path
  if (host === null || port !== address.port) return false
  return address.host === null || [host, address.host].some(isAnyHost) || isSameHost(host, address.host)
}
