/**
 * Who listens on an address, for the sentence that says a port is in use. The kernel's socket tables give the inode
 * (proc_pid_net(5)), the descriptors of all processes the holder. For another user's process the descriptors cannot
 * be read, so the answer may be null although the port is taken.
 */

import { readFileSync } from 'node:fs'
import { endianness } from 'node:os'
import { holdersOf, readStat } from './procfs.ts'
import { ipv6Bytes, type SocketAddress } from './sockaddr.ts'

export interface PortOwner {
  readonly pid: number
  readonly command: string
}

/** `st` of a TCP socket that listens. */
const LISTEN = '0A'
/** __SO_ACCEPTCON in the `Flags` of /proc/net/unix. */
const ACCEPTS = 0x10000

/** The process that listens on this address or on one that covers it; the oldest pid where several share it. */
export function findListeningOwner(address: SocketAddress): PortOwner | null {
  const inodes = new Set(address.family === 'unix' ? unixInodes(address.path) : tcpInodes(address.host, address.port))
  if (inodes.size === 0) return null
  const pid = holdersOf(inodes).sort((a, b) => a - b)[0]
  return pid === undefined ? null : { pid, command: readStat(pid)?.command ?? 'gone by now' }
}

function tcpInodes(host: string, port: number): number[] {
  const wanted = hexOf(host)
  return [...rows('/proc/net/tcp'), ...rows('/proc/net/tcp6')]
    .filter((fields) => {
      const [theirs = '', theirPort = ''] = (fields[1] ?? '').split(':')
      return fields[3] === LISTEN && Number.parseInt(theirPort, 16) === port && overlaps(wanted, networkOrder(theirs))
    })
    .map((fields) => Number(fields[9]))
}

function unixInodes(path: string): number[] {
  return rows('/proc/net/unix')
    .filter((fields) => fields.slice(7).join(' ') === path && (Number.parseInt(fields[3] ?? '', 16) & ACCEPTS) !== 0)
    .map((fields) => Number(fields[6]))
}

/** An address of all zeros covers every other. */
function overlaps(one: string, other: string): boolean {
  return /^0*$/.test(one) || /^0*$/.test(other) || one === other
}

/** As hex in network order; IPv4 without its mapped prefix. */
function hexOf(host: string): string {
  if (!host.includes(':')) return Buffer.from(host.split('.').map(Number)).toString('hex')
  const [bare = ''] = host.split('%')
  return ipv6Bytes(bare)
    .toString('hex')
    .replace(/^0{20}ffff/, '')
}

/** The tables print each 32 bits as a number in the machine's own byte order. */
function networkOrder(hex: string): string {
  const words = hex.toLowerCase().match(/.{8}/g) ?? []
  const turned = endianness() === 'LE' ? words.map((word) => (word.match(/../g) ?? []).reverse().join('')) : words
  return turned.join('').replace(/^0{20}ffff/, '')
}

function rows(table: string): string[][] {
  try {
    const lines = readFileSync(table, 'utf8').split('\n').slice(1)
    return lines.map((line) => line.trim().split(/\s+/)).filter((fields) => fields.length > 6)
  } catch {
    return []
  }
}
