/**
 * What an open descriptor is, asked of the kernel alone: which address it is bound to, and whether it is a listener
 * of a kind that is tended here. Everything else (datagrams, connections, pipes) is `other` and left as it is.
 */

import { fstatSync } from 'node:fs'
import { type Address, formatAddress } from '../core/address.ts'
import { getsockname, isListening, socketType } from './libc/sockets.ts'
import { isAnyHost, isSameHost } from './sockaddr.ts'

/** Where a socket is bound: host and port, or a path; nothing of them for other families. */
export interface Place {
  readonly host: string | null
  readonly port: number | null
  readonly path: string | null
}

export interface SocketDescription extends Place {
  /** `tcp` and `unix` are stream sockets that listen. */
  readonly family: 'tcp' | 'unix' | 'other'
  /** `127.0.0.1:8080`, `[::]:8080`, `unix:/x`; `udp:0.0.0.0:53`, `datagram:/x`, `fd:3` for the others. */
  readonly shown: string
}

/** Whether a listener that is bound there is what `--listen` asks for with this address. */
export function isBoundTo({ host, port, path }: Place, address: Address): boolean {
  if (address.family === 'unix') return path === address.path
  if (host === null || port !== address.port) return false
  if (isAnyHost(host)) return address.host === null || isAnyHost(address.host)
  return address.host !== null && isSameHost(host, address.host)
}

/** The identity of the socket, the same for every process that holds it (proc(5), `socket:[inode]`). */
export function inodeOf(fd: number): number {
  return fstatSync(fd).ino
}

export function describeSocket(fd: number): SocketDescription {
  const unknown = { family: 'other', shown: `fd:${fd}`, host: null, port: null, path: null } as const
  if (!fstatSync(fd).isSocket()) return unknown
  const name = getsockname(fd)
  if (name.family === 'other') return unknown
  const isListener = socketType(fd) === 'stream' && isListening(fd)
  if (name.family === 'unix') {
    if (name.path === '') return unknown
    const shown = `${isListener ? 'unix' : socketType(fd)}:${name.path}`
    return { family: isListener ? 'unix' : 'other', shown, host: null, port: null, path: name.path }
  }
  const { host, port } = name
  const written = formatAddress({ family: 'tcp', host, port })
  if (isListener) return { family: 'tcp', shown: written, host, port, path: null }
  return { ...unknown, shown: `${socketType(fd) === 'datagram' ? 'udp' : socketType(fd)}:${written}` }
}
