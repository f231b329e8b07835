/**
 * The lame duck: on the drain signal this process stops to accept, and goes on answering until its connections are gone
 * by themselves. Only then, or when the drain timeout nears, do the app's own handlers of the signal run; many of them
 * end the process at once. Without handlers the process ends, with the last connection or with the time.
 */

import type net from 'node:net'
import type { DrainTask } from './bridge.cts'
import { internalsOf } from './internals.cts'
import type { HeldSignal } from './signals.cts'
import { tell } from './tell.cts'

export interface DrainContext {
  /** Watches the signal; the callback is called each time it arrives. */
  readonly hold: (onSignal: () => void) => HeldSignal
  readonly timeoutMs: number
  /** Closes the listening sockets of this process. */
  readonly stopAccepting: () => void
  /** Servers that accept, or have accepted, from them. */
  readonly servers: ReadonlySet<net.Server>
  /** What the app wants to be done besides. */
  readonly tasks: readonly DrainTask[]
  /** It has begun: the clients are to be told within this time. */
  readonly onBegin: (withinMs: number) => void
  /** Time is nearly up. */
  readonly onNear: () => void
  /** There are no handlers: whoever else has to end is to end, and then the process. */
  readonly onNobody: (end: () => void) => void
}

/** What is left of the drain timeout for the app's own end, at most. */
const OWN_END_MAX_MS = 5_000
const OWN_END_SHARE = 0.2
/** The master's SIGKILL comes later. */
const BEFORE_KILL_MS = 50

export function drainOn(context: DrainContext): void {
  const { timeoutMs, servers } = context
  const nearMs = timeoutMs - Math.min(OWN_END_MAX_MS, timeoutMs * OWN_END_SHARE)
  let state: 'serving' | 'draining' | 'near' | 'over' = 'serving'
  let areTasksDone = false
  // Until the handlers have run, they keep the process from ending by itself.
  let nearTimer: NodeJS.Timeout | undefined
  let lastTimer: NodeJS.Timeout | undefined

  const held = context.hold(() => {
    if (state === 'serving') begin()
    // A second signal is an impatient one.
    else finish()
  })

  function begin(): void {
    state = 'draining'
    nearTimer = setTimeout(near, nearMs)
    lastTimer = setTimeout(() => process.exit(), Math.max(nearMs, timeoutMs - BEFORE_KILL_MS))
    context.stopAccepting()
    context.onBegin(nearMs)
    for (const server of servers) watchEnd(server, look)
    void run(context.tasks).then(() => {
      areTasksDone = true
      look()
    })
  }

  function look(): void {
    if (!areTasksDone || [...servers].some((server) => internalsOf(server)._connections > 0)) return
    // The app hears of the end first: `close` is emitted at the end of this turn of the loop, after the immediates.
    if (state === 'draining' || state === 'near') setImmediate(() => setImmediate(finish))
  }

  function near(): void {
    state = 'near'
    context.onNear()
    // Without them there is still the time until the end.
    if (held.isHandled) finish()
    else look()
  }

  function finish(): void {
    if (state === 'over') return
    state = 'over'
    clearTimeout(nearTimer)
    if (!held.isHandled) return context.onNobody(() => process.exit())
    clearTimeout(lastTimer)
    held.deliver()
  }
}

async function run(tasks: readonly DrainTask[]): Promise<void> {
  const results = await Promise.allSettled(tasks.map(async (task) => await task()))
  for (const result of results) if (result.status === 'rejected') tell(`a task of the drain failed: ${result.reason}`)
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
