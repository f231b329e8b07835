/**
 * The lame duck: on the drain signal this process stops to accept, and goes on answering until its connections are gone
 * by themselves. Only then, or when the drain timeout nears, do the app's own handlers of the signal run; many of them
 * end the process at once. Without handlers the process ends.
 */

import type net from 'node:net'
import { internalsOf } from './internals.cts'
import { type HeldSignal, holdSignal } from './signals.cts'

export interface DrainContext {
  readonly signal: string
  readonly timeoutMs: number
  /** Closes the listening sockets of this process. */
  readonly stopAccepting: () => void
  /** Servers that accept, or have accepted, from them. */
  readonly servers: ReadonlySet<net.Server>
  /** It has begun: to tell the clients. */
  readonly onBegin: (endMs: number) => void
  /** Time is nearly up: what could be ended before has not ended. */
  readonly onNear: () => void
}

/** What is left of the drain timeout for the app's own end, at most. */
const OWN_END_MAX_MS = 5_000
const OWN_END_SHARE = 0.2

export function drainOn(context: DrainContext): void {
  const { signal, timeoutMs, servers } = context
  const nearMs = timeoutMs - Math.min(OWN_END_MAX_MS, timeoutMs * OWN_END_SHARE)
  let isDraining = false
  const held: HeldSignal = holdSignal(signal, () => {
    // A second signal is an impatient one.
    if (isDraining) finish()
    else begin()
  })

  let near: NodeJS.Timeout | undefined
  function begin(): void {
    isDraining = true
    near = setTimeout(onNear, nearMs)
    context.stopAccepting()
    context.onBegin(nearMs)
    for (const server of servers) watchEnd(server, look)
    look()
  }

  function look(): void {
    if ([...servers].every((server) => internalsOf(server)._connections === 0)) setImmediate(finish)
  }

  function onNear(): void {
    context.onNear()
    finish()
  }

  let isFinished = false
  function finish(): void {
    if (isFinished) return
    isFinished = true
    clearTimeout(near)
    if (held.isHandled) held.deliver()
    else process.exit()
  }
}

/** Node calls this whenever a connection of the server has ended. */
function watchEnd(server: net.Server, look: () => void): void {
  const internals = internalsOf(server)
  const original = internals._emitCloseIfDrained
  internals._emitCloseIfDrained = function () {
    original.call(this)
    look()
  }
}
