/**
 * What a worker's main process leaves behind in its session: a server behind a shell that ended first, or the children
 * of one that crashed. They are asked to finish as the worker would be, and watched in /proc until they are gone.
 */

import { sessionMembers } from '../system/kill-session.ts'
import type { TrackedProcess } from './process.ts'

const LOOK_EVERY_MS = 50

export class Leftovers {
  readonly #session: Pick<TrackedProcess, 'pid' | 'startTicks'>

  constructor(session: Pick<TrackedProcess, 'pid' | 'startTicks'>, drainSignal: string) {
    this.#session = session
    for (const pid of this.#members()) {
      try {
        process.kill(pid, drainSignal)
      } catch {
        // Gone meanwhile.
      }
    }
  }

  get areGone(): boolean {
    return this.#members().length === 0
  }

  /** Settles when none is left; whoever waits sees to it that they are killed at some time. */
  get gone(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        if (!this.areGone) return
        clearInterval(timer)
        resolve()
      }, LOOK_EVERY_MS)
    })
  }

  #members(): readonly number[] {
    return sessionMembers(this.#session.pid, this.#session.startTicks)
  }
}
