/**
 * Every `listen` of the app, in all its forms and of all that is built on net.Server: it gets the inherited socket of
 * that address where there is one, and is left alone where there is none.
 */

import type net from 'node:net'
import type { Asked } from './addresses.cts'
import type { InheritedSocket } from './inherited-socket.cts'
import { wrapListen2 } from './internals.cts'
import type { Sockets } from './sockets.cts'

export interface ListenEvents {
  /** The server listens on a socket of the master's. */
  onTaken(server: net.Server, socket: InheritedSocket): void
  /** It listens by itself, or is about to; `asked` is null where the kernel chooses, or somebody else has bound it. */
  onOther(server: net.Server, asked: Asked | null): void
  /** It is about to listen again on a socket that was closed in this process. */
  onClosed(asked: Asked): void
}

export function interceptListen(sockets: Sockets, events: ListenEvents): void {
  wrapListen2(
    (original) =>
      function setupListenHandle(address, port, addressType, backlog, fd, flags) {
        const asked = askedFor(address, port)
        const [socket, ...others] = this._handle ? [] : found(asked, fd)
        const handle = socket?.take() ?? null
        if (!socket || !handle) {
          if (socket?.isClosed && asked) events.onClosed(asked)
          else if (!socket) events.onOther(this, asked)
          return original.call(this, address, port, addressType, backlog, fd, flags)
        }
        this._handle = handle
        original.call(this, address, port, addressType, backlog, undefined, flags)
        if (this._handle !== handle) return
        for (const other of others) if (!other.isTaken) other.lendTo(handle)
        events.onTaken(this, socket)
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
