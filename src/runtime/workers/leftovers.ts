/**
 * What a worker's main process leaves behind in its sessions: a server behind a shell that ended first, or the children
 * of one that crashed. They are asked to finish as the worker would be, and watched in /proc until they are gone.
 */

import { sessionMembers } from '../../system/kill-session.ts'
import type { TrackedProcess } from './process.ts'

type Session = Pick<TrackedProcess, 'pid' | 'startTicks'>

const LOOK_EVERY_MS = 50

export class Leftovers {
  readonly #sessions: readonly Session[]

  /** `sessions`: that of each process that it has been. */
  constructor(sessions: readonly Session[], drainSignal: string) {
    this.#sessions = sessions
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
    return [...new Set(this.#sessions.flatMap(({ pid, startTicks }) => sessionMembers(pid, startTicks)))]
  }
}
