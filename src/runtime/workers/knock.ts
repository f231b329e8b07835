/**
 * Connections of the master's own to its listeners, so that a new server on select or poll, which no epoll betrays, can
 * be seen to accept one. Servers that show themselves otherwise never see a knock: the first one comes late, they get
 * rarer, and each is held only for a moment, since a server of one thread waits on it.
 */

import { connect, type Socket } from 'node:net'
import { getsockopt, setsockopt } from '../../system/libc/sockets.ts'
import type { Listener } from '../../system/listeners.ts'

const FIRST_AFTER_MS = 150
const EVERY_FIRST_MS = 50
const EVERY_LAST_MS = 3_000
const HOLD_MS = 60
/** At once, so that an old server of one thread, busy with the first, leaves one to the new. */
const CONNECTIONS = 3
/** While a connection is held, /proc is looked at this often. */
const LOOK_MS = 5

export interface Knocking {
  /** Milliseconds until the next look, given what the caller would wait; knocks when it is time to. */
  next(waitMs: number): number
  stop(): void
}

export function knock(listeners: readonly Listener[]): Knocking {
  const targets = listeners.filter((listener) => listener.family !== 'other')
  let nextAt = performance.now() + FIRST_AFTER_MS
  let everyMs = EVERY_FIRST_MS
  let held: Socket[] = []
  let heldUntil = 0
  let restore = (): void => undefined
  const letGo = (): void => {
    for (const socket of held) socket.destroy()
    held = []
    restore()
    restore = () => undefined
  }
  return {
    next(waitMs) {
      const at = performance.now()
      if (held.length > 0) {
        if (at < heldUntil) return LOOK_MS
        letGo()
        nextAt = at + everyMs
        everyMs = Math.min(EVERY_LAST_MS, everyMs * 2)
      }
      if (at < nextAt || targets.length === 0) return waitMs
      restore = acceptSilence(targets)
      held = targets.flatMap((target) => Array.from({ length: CONNECTIONS }, () => open(target)))
      heldUntil = at + HOLD_MS
      return LOOK_MS
    },
    stop: letGo,
  }
}

/**
 * A worker may have set TCP_DEFER_ACCEPT (tcp(7)) on the socket that it shares, as unicorn does: then nobody is handed
 * a connection on which the client is silent, as a knock is. It is set aside for the moment of the knock.
 */
function acceptSilence(listeners: readonly Listener[]): () => void {
  const deferring = listeners
    .filter(({ family }) => family === 'tcp')
    .map((listener) => ({ listener, fd: listener.fd, seconds: getsockopt(listener.fd, 'TCP_DEFER_ACCEPT') }))
    .filter(({ seconds }) => seconds > 0)
  for (const { fd } of deferring) setsockopt(fd, 'TCP_DEFER_ACCEPT', 0)
  return () => {
    // It may have been bound anew meanwhile.
    for (const { listener, fd, seconds } of deferring)
      if (listener.fd === fd) setsockopt(fd, 'TCP_DEFER_ACCEPT', seconds)
  }
}

function open(listener: Listener): Socket {
  const socket = listener.path !== null ? connect(listener.path) : connect(listener.port ?? 0, hostOf(listener))
  socket.on('error', () => socket.destroy())
  return socket.unref()
}

/** An address to reach the listener at; a dual-stack one answers on IPv4 too. */
function hostOf({ shown, spec }: Listener): string {
  const host = shown.slice(0, shown.lastIndexOf(':')).replace(/^\[|\]$/g, '')
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host !== '::') return host
  return spec?.address.family === 'tcp' && spec.address.host === null ? '127.0.0.1' : '::1'
}
