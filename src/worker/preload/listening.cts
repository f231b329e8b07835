/**
 * Every `listen` of the app, in all its forms and of all that is built on net.Server: it gets the inherited socket of
 * that address where there is one, and is left alone where there is none.
 */

import type net from 'node:net'
import type { Asked } from './addresses.cts'
import type { InheritedSocket } from './inherited-socket.cts'
import { type Handle, internalsOf, wrapListen2 } from './internals.cts'
import type { Sockets } from './sockets.cts'

export interface ListenEvents {
  /** The server listens on a socket of the master's. */
  onTaken(server: net.Server, socket: InheritedSocket): void
  /** It is about to listen by itself on an address that nobody declared. */
  onUndeclared(asked: Asked): void
  /** It is about to listen again on a socket that was closed in this process. */
  onClosed(asked: Asked): void
}

export function interceptListen(sockets: Sockets, events: ListenEvents): void {
  wrapListen2(
    (original) =>
      function setupListenHandle(address, port, addressType, backlog, fd, flags) {
        const asked = askedFor(address, port)
        const found = this._handle
          ? []
          : fd === undefined || fd === null
            ? matching(asked)
            : sockets.all.filter((socket) => socket.fd === fd)
        const [socket, ...others] = found
        const handle = socket?.take() ?? null
        if (!socket || !handle) {
          if (socket && asked) events.onClosed(asked)
          else if (asked && !this._handle && typeof fd !== 'number') events.onUndeclared(asked)
          return original.call(this, address, port, addressType, backlog, fd, flags)
        }
        this._handle = handle
        original.call(this, address, port, addressType, backlog, undefined, flags)
        if (!isListeningOn(this, handle)) return
        for (const other of others) if (!other.isTaken) other.lendTo(handle)
        events.onTaken(this, socket)
      },
  )

  function matching(asked: Asked | null): readonly InheritedSocket[] {
    return asked === null ? [] : sockets.matching(asked)
  }
}

/** Null for port 0, which is the kernel's to choose, and where there is no address. */
function askedFor(address: string | null, port: number | null): Asked | null {
  if (port !== null && port > 0) return { kind: 'tcp', host: address, port }
  return port === -1 && address !== null ? { kind: 'unix', path: address } : null
}

function isListeningOn(server: net.Server, handle: Handle): boolean {
  return internalsOf(server)._handle === handle
}
