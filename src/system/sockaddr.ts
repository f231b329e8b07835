/**
 * Socket addresses as the kernel wants them: struct sockaddr_in of ip(7), sockaddr_in6 of ipv6(7) and sockaddr_un
 * of unix(7), written into and read from plain bytes. The family is in the byte order of the machine, port and
 * address in network order. Encoding by hand is what keeps padding and byte order out of the foreign calls.
 */

import { readFileSync } from 'node:fs'
import { isIPv4, isIPv6 } from 'node:net'
import { endianness } from 'node:os'
import { UNIX_PATH_MAX } from '../core/address.ts'

export type SocketAddress =
  | { readonly family: 'tcp4' | 'tcp6'; readonly host: string; readonly port: number }
  /** A path, `@name` for the abstract namespace, or '' for a socket without a name. */
  | { readonly family: 'unix'; readonly path: string }

/** AF_* of the three families, the same on every Linux. */
export const FAMILY = { unix: 1, tcp4: 2, tcp6: 10 } as const

/** sizeof(struct sockaddr_storage): whatever getsockname(2) says fits. */
export const STORAGE_SIZE = 128

const isLittleEndian = endianness() === 'LE'

/** Throws a plain Error with `code` EINVAL or ENAMETOOLONG when there is no such address. */
export function encodeAddress(address: SocketAddress): Buffer {
  if (address.family === 'unix') return encodeUnix(address.path)
  const bytes = Buffer.alloc(address.family === 'tcp4' ? 16 : 28)
  writeFamily(bytes, FAMILY[address.family])
  bytes.writeUInt16BE(address.port, 2)
  if (address.family === 'tcp4') {
    if (!isIPv4(address.host)) throw invalid('EINVAL', `'${address.host}' is not an IPv4 address`)
    bytes.set(address.host.split('.').map(Number), 4)
    return bytes
  }
  const [host = '', zone] = address.host.split('%')
  if (!isIPv6(host)) throw invalid('EINVAL', `'${address.host}' is not an IPv6 address`)
  bytes.set(ipv6Bytes(host), 8)
  const scope = zone === undefined ? 0 : scopeOf(zone)
  if (isLittleEndian) bytes.writeUInt32LE(scope, 24)
  else bytes.writeUInt32BE(scope, 24)
  return bytes
}

/** The first `length` bytes of what getsockname(2) wrote; null for a family that is not ours. */
export function decodeAddress(bytes: Buffer, length: number): SocketAddress | null {
  const family = isLittleEndian ? bytes.readUInt16LE(0) : bytes.readUInt16BE(0)
  if (family === FAMILY.unix) return { family: 'unix', path: decodePath(bytes.subarray(2, length)) }
  const port = bytes.readUInt16BE(2)
  if (family === FAMILY.tcp4) return { family: 'tcp4', host: bytes.subarray(4, 8).join('.'), port }
  if (family === FAMILY.tcp6) return { family: 'tcp6', host: formatIpv6(bytes.subarray(8, 24)), port }
  return null
}

/** Sixteen bytes of any way to write an IPv6 address; the URL parser knows them all and writes one. */
export function ipv6Bytes(host: string): Buffer {
  const canonical = new URL(`http://[${host}]`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex')
}

/** `0.0.0.0`, `::` and its longer forms. */
export function isAnyHost(host: string): boolean {
  return host === '0.0.0.0' || isSameHost(host, '::')
}

/**
 * Two ways to write one address, also an IPv4 one in a socket of IPv6. What is no address is like nothing but itself.
 */
export function isSameHost(one: string, other: string): boolean {
  if (one === other) return true
  const [left, right] = [one, other].map(bytesOf)
  return left != null && right != null && left.equals(right)
}

function bytesOf(host: string): Buffer | null {
  const [bare = ''] = host.split('%')
  if (isIPv4(bare)) return ipv6Bytes(`::ffff:${bare}`)
  return isIPv6(bare) ? ipv6Bytes(bare) : null
}

/** Sixteen bytes, in network order. */
export function formatIpv6(bytes: Buffer): string {
  const groups = bytes.toString('hex').match(/.{4}/g) as string[]
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

function encodeUnix(path: string): Buffer {
  const name = Buffer.from(path)
  const isAbstract = path.startsWith('@')
  if (isAbstract) name[0] = 0
  if (name.length > UNIX_PATH_MAX) throw invalid('ENAMETOOLONG', `a unix socket path may have ${UNIX_PATH_MAX} bytes`)
  const bytes = Buffer.alloc(2 + name.length + (isAbstract ? 0 : 1))
  writeFamily(bytes, FAMILY.unix)
  bytes.set(name, 2)
  return bytes
}

function decodePath(name: Buffer): string {
  if (name.length === 0) return ''
  if (name[0] === 0) return `@${name.subarray(1).toString()}`
  const end = name.indexOf(0)
  return name.subarray(0, end < 0 ? name.length : end).toString()
}

/** The index of a network interface: a link-local address means nothing without it (ipv6(7), sin6_scope_id). */
function scopeOf(zone: string): number {
  if (/^\d+$/.test(zone)) return Number(zone)
  try {
    return Number(readFileSync(`/sys/class/net/${zone}/ifindex`, 'utf8'))
  } catch {
    throw invalid('EINVAL', `there is no network interface '${zone}'`)
  }
}

function writeFamily(bytes: Buffer, family: number): void {
  if (isLittleEndian) bytes.writeUInt16LE(family, 0)
  else bytes.writeUInt16BE(family, 0)
}

function invalid(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
