/**
 * Every `listen` of the app, in all its forms and of all that is built on net.Server: it gets the inherited socket of
 * that address where there is one, and is left alone where there is none. Apps that look for a free port listen on it
 * for a moment: what a `listen` means is settled when the app has heard of it, and listens still.
 */

import type net from 'node:net'
import type { Asked } from './addresses.cts'
import type { InheritedSocket } from './inherited-socket.cts'
import { type Handle, isOpen, wrapListen2 } from './internals.cts'
import type { Sockets } from './sockets.cts'

export interface ListenEvents {
  /** The server listens on a socket of the master's. */
  onTaken(server: net.Server, socket: InheritedSocket): void
  /** It still does. */
  onKept(server: net.Server, socket: InheritedSocket, handle: Handle): void
  /** It is about to listen by itself; `asked` is null where the kernel chooses, or somebody else has bound it. */
  onOther(server: net.Server, asked: Asked | null): void
  /** It still does; or could not, and has no handle. */
  onOwn(server: net.Server, asked: Asked | null, handle: Handle | null): void
}

export function interceptListen(sockets: Sockets, events: ListenEvents): void {
  wrapListen2(
    (original) =>
      function setupListenHandle(address, port, addressType, backlog, fd, flags) {
        const asked = askedFor(address, port)
        const [socket, ...others] = this._handle ? [] : found(asked, fd)
        const handle = socket?.take() ?? null
        if (!socket || !handle) {
          if (!socket) events.onOther(this, asked)
          original.call(this, address, port, addressType, backlog, fd, flags)
          const own = this._handle
          if (socket) return
          // An error of `listen` may end the process.
          if (own === null) events.onOwn(this, asked, null)
          else setImmediate(() => isOpen(own) && events.onOwn(this, asked, own))
          return
        }
        this._handle = handle
        original.call(this, address, port, addressType, backlog, undefined, flags)
        if (this._handle !== handle) return
        for (const other of others) if (!other.isTaken) other.lendTo(handle)
        events.onTaken(this, socket)
        // The app hears of it at the end of this turn of the loop.
        setImmediate(() => socket.isHeldBy(handle) && events.onKept(this, socket, handle))
      },
  )

  function found(asked: Asked | null, fd: number | null | undefined): readonly InheritedSocket[] {
    if (typeof fd !== 'number') return asked === null ? [] : sockets.matching(asked)
    return [...sockets.all, ...(sockets.probe ? [sockets.probe] : [])].filter((socket) => socket.fd === fd)
  }
}

/** Null for port 0, which is the kernel's to choose, and where there is no address. */
function askedFor(address: string | null, port: number | null): Asked | null {
  if (port !== null && port > 0) return { kind: 'tcp', host: address, port }
  return port === -1 && address !== null ? { kind: 'unix', path: address } : null
}
