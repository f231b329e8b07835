/**
 * What operators ask through the control socket, and who waits for which end. A request becomes an input; its answer
 * is the next `settle` of the same activity, so that everybody who asked during one upgrade gets its one verdict.
 */

import type { Outcome, Stamped } from '../../core/events.ts'
import type { Activity, Effect } from '../../core/state.ts'
import type { ControlReply as Reply } from './server.ts'

type Settle = Extract<Effect, { type: 'settle' }>

const EXIT: Readonly<Record<Outcome, number>> = {
  unchanged: 0,
  committed: 0,
  restarted: 0,
  refused: 5,
  'rolled-back': 6,
  quarantined: 6,
  incomplete: 1,
  failed: 1,
  stopped: 1,
}

export class Requests {
  readonly #waiting = new Map<Activity, Set<(reply: Reply) => void>>()

  /** What the command wrote that has stopped the promotion which is under way. */
  #output: readonly string[] = []

  /** Everything that is said. */
  note(event: Stamped): void {
    if (event.type === 'promotion-started') this.#output = []
    if (event.type === 'hook-failed' && event.hook === 'before-promote') this.#output = event.output
  }

  /** Sends the input and waits for its end; without `wait` it is only accepted. */
  async ask(activity: Activity, wait: boolean, send: () => void): Promise<Reply> {
    if (!wait) {
      send()
      return { outcome: 'accepted', message: `the ${activity} is under way`, version: null, exit: 0 }
    }
    return await new Promise((resolve) => {
      const waiting = this.#waiting.get(activity) ?? new Set()
      this.#waiting.set(activity, waiting.add(resolve))
      send()
    })
  }

  settle({ activity, outcome, message, version }: Settle): void {
    const output = this.#output
    this.#output = []
    this.#answer(activity, { outcome, message, version, exit: EXIT[outcome], ...(output.length > 0 ? { output } : {}) })
  }

  /** Whoever still waits when the master ends. */
  stopped(): void {
    for (const activity of this.#waiting.keys()) {
      this.#answer(activity, { outcome: 'stopped', message: 'the master has stopped', version: null, exit: 1 })
    }
  }

  #answer(activity: Activity, reply: Reply): void {
    const waiting = this.#waiting.get(activity)
    this.#waiting.delete(activity)
    for (const resolve of waiting ?? []) resolve(reply)
  }
}
