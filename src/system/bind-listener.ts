/**
 * A new listening socket for one address. Made through libc, because a `net.Server` would accept in the master;
 * SO_REUSEADDR lets it follow a predecessor at once, SO_REUSEPORT is never set (closing one socket of such a group
 * drops its queue). A unix socket is bound in place: a dead file is unlinked, a live one or anything that is no
 * socket is left alone. The caller owns the descriptor, and is alone on a unix path because it holds the lock.
 */

import { chmodSync, chownSync, lstatSync, unlinkSync } from 'node:fs'
import type { Address } from '../core/address.ts'
import { errnoOf } from '../core/errors.ts'
import { bindFailure, pathInUse, pathIsNoSocket } from './bind-failure.ts'
import { close } from './libc/descriptors.ts'
import { bind, connect, getsockname, listen, setsockopt, socket } from './libc/sockets.ts'
import type { SocketAddress } from './sockaddr.ts'
import { lookUpUser } from './user.ts'

/** Connections that wait for a worker; net.core.somaxconn caps it (listen(2)). */
export const BACKLOG = 4_096

export interface BindOptions {
  /** IPV6_V6ONLY of ipv6(7), where a listener of its own has the IPv4 side. Default: both families. */
  readonly v6Only?: boolean
  /** Mode and owner of the file that a unix socket replaces, for what the address itself does not say. */
  readonly like?: { readonly mode: number; readonly uid: number; readonly gid: number } | null
}

type TcpAddress = Extract<SocketAddress, { port: number }>
type UnixAddress = Extract<Address, { family: 'unix' }>

/** Throws AutoupError `failed` with a sentence that says why and what to do. */
export function bindListener(address: Address, options: BindOptions = {}): number {
  try {
    return address.family === 'unix' ? bindUnix(address, options) : bindTcp(address.host, address.port, options)
  } catch (error) {
    throw bindFailure(address, error)
  }
}

function bindTcp(host: string | null, port: number, options: BindOptions): number {
  if (host !== null) return listening({ family: host.includes(':') ? 'tcp6' : 'tcp4', host, port }, options)
  try {
    return listening({ family: 'tcp6', host: '::', port }, options)
  } catch (error) {
    if (!['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'].includes(errnoOf(error) ?? '')) throw error
    return listening({ family: 'tcp4', host: '0.0.0.0', port }, options)
  }
}

function listening(address: TcpAddress, options: BindOptions): number {
  if (address.port === 0) return listeningAnywhere(address, options)
  return bound(address, options, (fd) => listen(fd, BACKLOG))
}

/**
 * A port that the kernel chose itself is given away when somebody shuts the socket down; one that was asked for is
 * kept (SOCK_BINDPORT_LOCK). So a first socket finds the port and a second one asks for it.
 */
function listeningAnywhere(address: TcpAddress, options: BindOptions): number {
  const scout = bound(address, options)
  try {
    const { port } = getsockname(scout) as TcpAddress
    return listening({ ...address, port }, options)
  } finally {
    close(scout)
  }
}

function bound(address: TcpAddress, options: BindOptions, then?: (fd: number) => void): number {
  const fd = socket(address.family)
  try {
    setsockopt(fd, 'SO_REUSEADDR', 1)
    if (address.family === 'tcp6') setsockopt(fd, 'IPV6_V6ONLY', options.v6Only ? 1 : 0)
    bind(fd, address)
    then?.(fd)
    return fd
  } catch (error) {
    close(fd)
    throw error
  }
}

function bindUnix(address: UnixAddress, { like }: BindOptions): number {
  const { path } = address
  const user = address.owner === null ? null : lookUpUser(address.owner)
  const [owner, mode] = [user ?? like, address.mode ?? like?.mode ?? null]
  makeRoom(path)
  const fd = socket('unix')
  let isBound = false
  try {
    bind(fd, { family: 'unix', path })
    isBound = true
    // Before it listens, so that nobody connects whom the mode would have kept out.
    if (owner) chownSync(path, owner.uid, owner.gid)
    if (mode !== null) chmodSync(path, mode)
    listen(fd, BACKLOG)
    return fd
  } catch (error) {
    close(fd)
    if (isBound) unlinkSync(path)
    throw error
  }
}

/** Unlinks a dead socket; throws when somebody answers there, or when it is something else. */
function makeRoom(path: string): void {
  const file = lstatSync(path, { throwIfNoEntry: false })
  if (!file) return
  if (!file.isSocket()) throw pathIsNoSocket(path)
  const probe = socket('unix')
  try {
    connect(probe, { family: 'unix', path })
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT') return
    if (code === 'ECONNREFUSED') return unlinkSync(path)
    // EAGAIN: its queue is full; EPROTOTYPE: alive, but no stream socket.
    if (code !== 'EAGAIN' && code !== 'EPROTOTYPE') throw error
  } finally {
    close(probe)
  }
  throw pathInUse(path)
}
