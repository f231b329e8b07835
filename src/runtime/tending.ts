/** Tends the listeners each second and after every ready and exit, and binds anew what was lost. */

import { messageOf } from '../core/errors.ts'
import type { AutoupEvent } from '../core/events.ts'
import type { Listener } from '../system/listeners.ts'
import { rebind, tend } from '../system/tend.ts'

const TEND_EVERY_MS = 1_000

export interface Tending {
  now(): void
  stop(): void
}

/**
 * `onRebound` has new workers started: the old ones hold the socket that was lost. A `leaving` one, which no new worker
 * would get, is not bound anew.
 */
export function tendListeners(
  listeners: () => readonly Listener[],
  leaving: () => readonly Listener[],
  emit: (event: AutoupEvent) => void,
  onRebound: (listener: Listener) => void,
): Tending {
  const troubled = new Set<Listener>()
  const look = (listener: Listener): ReturnType<typeof tend> => {
    const found = tend(listener)
    if (found === 'revived')
      emit({ type: 'listener-tended', address: listener.shown, what: 'a worker had shut it down; it listens again' })
    return found
  }
  const now = (): void => {
    for (const listener of leaving()) look(listener)
    for (const listener of listeners()) {
      if (look(listener) === 'lost') bindAnew(listener)
      else troubled.delete(listener)
    }
  }
  const bindAnew = (listener: Listener): void => {
    try {
      rebind(listener)
      emit({
        type: 'listener-tended',
        address: listener.shown,
        what: 'a worker had shut it down for good; it was bound anew',
      })
      onRebound(listener)
    } catch (error) {
      if (troubled.has(listener)) return
      troubled.add(listener)
      emit({ type: 'warning', message: `${listener.shown} was lost and cannot be bound anew: ${messageOf(error)}` })
    }
  }
  const timer = setInterval(now, TEND_EVERY_MS)
  return { now, stop: () => clearInterval(timer) }
}
