/**
 * The socket calls of libc: what Node has no words for, or does in a way of its own. The descriptors are the caller's.
 */

import { endianness } from 'node:os'
import { decodeAddress, encodeAddress, FAMILY, type SocketAddress, STORAGE_SIZE } from '../sockaddr.ts'
import { MSG_DONTWAIT, OPTION, POLLHUP, POLLRDHUP, SOCKET_FLAGS, SOCKET_TYPE } from './constants.ts'
import { call } from './native.ts'

export type SocketOption = keyof typeof OPTION

type Family = SocketAddress['family']
type SocketType = keyof typeof SOCKET_TYPE

/** socket(2), with SOCK_CLOEXEC and SOCK_NONBLOCK. The caller closes it. */
export function socket(family: Family, type: SocketType = 'stream'): number {
  return call('socket', (c) => c.socket(FAMILY[family], SOCKET_TYPE[type] | SOCKET_FLAGS, 0))
}

/** bind(2). */
export function bind(fd: number, address: SocketAddress): void {
  const bytes = encodeAddress(address)
  call('bind', (c) => c.bind(fd, bytes, bytes.length))
}

/** connect(2). The sockets made here do not block: EAGAIN and EINPROGRESS are thrown like any other failure. */
export function connect(fd: number, address: SocketAddress): void {
  const bytes = encodeAddress(address)
  call('connect', (c) => c.connect(fd, bytes, bytes.length))
}

/** connect(2) to AF_UNSPEC: a TCP socket is as it was when it was bound, also where shutdown(2) had marked it. */
export function disconnect(fd: number): void {
  const unspecified = new Uint8Array(16)
  call('connect', (c) => c.connect(fd, unspecified, unspecified.length))
}

/** listen(2). On a socket that listens already it only changes the backlog. */
export function listen(fd: number, backlog: number): void {
  call('listen', (c) => c.listen(fd, backlog))
}

/** getsockname(2). Tells the family of the address, so a UDP socket is `tcp4` too: ask SO_TYPE. */
export function getsockname(fd: number): SocketAddress | { readonly family: 'other' } {
  const bytes = Buffer.alloc(STORAGE_SIZE)
  const length = Uint32Array.of(STORAGE_SIZE)
  call('getsockname', (c) => c.getsockname(fd, bytes, length))
  return decodeAddress(bytes, length[0] as number) ?? { family: 'other' }
}

/** getsockopt(2), for options that are an int. */
export function getsockopt(fd: number, option: SocketOption): number {
  const value = Int32Array.of(0)
  const length = Uint32Array.of(4)
  const [level, name] = OPTION[option]
  call('getsockopt', (c) => c.getsockopt(fd, level, name, value, length))
  return value[0] as number
}

/** setsockopt(2), for options that are an int. */
export function setsockopt(fd: number, option: SocketOption, value: number): void {
  const [level, name] = OPTION[option]
  call('setsockopt', (c) => c.setsockopt(fd, level, name, Int32Array.of(value), 4))
}

/** Whether the socket is a stream or seqpacket that listens (socket(7), SO_ACCEPTCONN). */
export function isListening(fd: number): boolean {
  return getsockopt(fd, 'SO_ACCEPTCONN') === 1
}

/** What kind of socket it is (socket(7), SO_TYPE). */
export function socketType(fd: number): SocketType | 'other' {
  const type = getsockopt(fd, 'SO_TYPE')
  return (Object.keys(SOCKET_TYPE) as SocketType[]).find((name) => SOCKET_TYPE[name] === type) ?? 'other'
}

/** recv(2) with MSG_DONTWAIT: the bytes of one message, cut to the buffer, or null when there is none. */
export function recv(fd: number, buffer: Uint8Array): number | null {
  try {
    return call('recv', (c) => c.recv(fd, buffer, buffer.length, MSG_DONTWAIT))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return null
    throw error
  }
}

/** poll(2), asked for this moment: whether the receiving side was shut(down). Tells of AF_UNIX listeners too. */
export function isShut(fd: number): boolean {
  const entry = new DataView(new ArrayBuffer(8))
  const isLittleEndian = endianness() === 'LE'
  entry.setInt32(0, fd, isLittleEndian)
  entry.setInt16(4, POLLRDHUP, isLittleEndian)
  call('poll', (c) => c.poll(new Uint8Array(entry.buffer), 1, 0))
  return (entry.getInt16(6, isLittleEndian) & (POLLRDHUP | POLLHUP)) !== 0
}
