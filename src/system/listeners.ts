/**
 * The listeners of the master: where the sockets come from and how they end. Each `--listen` is served by a socket
 * that was inherited, else by one that orphaned workers still hold, else by one that is bound anew, so that no
 * restart of the master closes a queue that exists. The master owns them until its final stop; workers get copies.
 */

import { unlinkSync } from 'node:fs'
import { type Address, formatAddress, type ListenSpec, refuseTwins } from '../core/address.ts'
import { bindListener } from './bind-listener.ts'
import { describeSocket, inodeOf, isBoundTo } from './describe-socket.ts'
import type { InheritedSocket } from './inherited.ts'
import { close } from './libc/descriptors.ts'
import { isAnyHost } from './sockaddr.ts'

export { inodeOf } from './describe-socket.ts'
export { type InheritedSocket, readInherited } from './inherited.ts'

export interface Listener {
  /** For LISTEN_FDNAMES. */
  readonly name: string
  /** `formatAddress` of what was asked for, or `shown`: the identity that is persisted. */
  readonly address: string
  /** What is really bound: `[::]:8080`, `127.0.0.1:8080`, `unix:/x`. */
  readonly shown: string
  /** `other` is passed on and never touched. */
  readonly family: 'tcp' | 'unix' | 'other'
  readonly port: number | null
  readonly path: string | null
  /** Changes when it is bound anew; -1 once closed. */
  fd: number
  /** Changes with `fd`. */
  inode: number
  readonly how: 'bound' | 'inherited' | 'taken-back'
  /** Null for an inherited socket that nobody asked for. */
  readonly spec: ListenSpec | null
}

/**
 * One listener for each spec, then the inherited sockets that match none. Takes over `orphaned` (address → fd):
 * those that no spec wants are closed. If anything fails, what was bound here is closed again and the others are
 * as before. Throws AutoupError `failed`, or `usage` for two specs with one name or address.
 */
export function openListeners(
  specs: readonly ListenSpec[],
  inherited: readonly InheritedSocket[],
  orphaned: ReadonlyMap<string, number>,
): Listener[] {
  refuseTwins(specs)
  const matched = matchInherited(specs, inherited)
  const listeners: Listener[] = []
  try {
    for (const spec of specs) {
      const socket = matched.get(spec)
      const orphan = orphaned.get(formatAddress(spec.address))
      if (socket) listeners.push(listenerOf(socket.fd, 'inherited', spec.name, spec))
      else if (orphan !== undefined) listeners.push(listenerOf(orphan, 'taken-back', spec.name, spec))
      else listeners.push(bindNew(spec, specs))
    }
  } catch (error) {
    for (const listener of listeners) if (listener.how === 'bound') closeListener(listener, { unlink: true })
    throw error
  }
  for (const socket of inherited) {
    if (![...matched.values()].includes(socket)) listeners.push(listenerOf(socket.fd, 'inherited', socket.name, null))
  }
  for (const fd of orphaned.values()) if (!listeners.some((listener) => listener.fd === fd)) close(fd)
  return listeners
}

/** `unlink` at the final stop only. The path of an inherited socket belongs to whoever made it and stays. */
export function closeListener(listener: Listener, { unlink }: { unlink: boolean }): void {
  if (listener.fd < 0) return
  close(listener.fd)
  listener.fd = -1
  if (!unlink || listener.how === 'inherited' || !listener.path?.startsWith('/')) return
  try {
    unlinkSync(listener.path)
  } catch {
    // Gone already, or not ours to remove: the next start replaces a dead socket.
  }
}

export function bindNew(spec: ListenSpec, specs: readonly ListenSpec[]): Listener {
  return listenerOf(bindListener(spec.address, { v6Only: isIpv4Apart(spec.address, specs) }), 'bound', spec.name, spec)
}

function listenerOf(fd: number, how: Listener['how'], name: string, spec: ListenSpec | null): Listener {
  const { family, shown, port, path } = describeSocket(fd)
  const address = spec ? formatAddress(spec.address) : shown
  return { name, address, shown, family, port, path, fd, inode: inodeOf(fd), how, spec }
}

/** `[::]:80` has both families, as everywhere, unless `0.0.0.0:80` is asked for beside it. */
function isIpv4Apart(address: Address, specs: readonly ListenSpec[]): boolean {
  if (address.family !== 'tcp' || address.host === null) return false
  const beside = `0.0.0.0:${address.port}`
  return isAnyHost(address.host) && specs.some((spec) => formatAddress(spec.address) === beside)
}

/** By name and address, then by address, then by name; one socket serves one spec. */
export function matchInherited(
  specs: readonly ListenSpec[],
  inherited: readonly InheritedSocket[],
): Map<ListenSpec, InheritedSocket> {
  const matched = new Map<ListenSpec, InheritedSocket>()
  const left = new Set(inherited.filter((socket) => socket.family !== 'other'))
  const rules: ((spec: ListenSpec, socket: InheritedSocket) => boolean)[] = [
    (spec, socket) => spec.name === socket.name && isBoundTo(socket, spec.address),
    (spec, socket) => isBoundTo(socket, spec.address),
    (spec, socket) => spec.name === socket.name && spec.address.family === socket.family,
  ]
  for (const matches of rules) {
    for (const spec of specs) {
      const socket = matched.has(spec) ? undefined : [...left].find((each) => matches(spec, each))
      if (!socket) continue
      matched.set(spec, socket)
      left.delete(socket)
    }
  }
  return matched
}
