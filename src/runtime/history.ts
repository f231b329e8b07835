/**
 * What a master remembers of itself for those who look: the counts of what happened, and the last checks. Bounded, and
 * gone with the master; the lasting record is the log and the store.
 */

import type { Stamped } from '../core/events.ts'
import type { CheckRecord, Sight } from '../core/sight.ts'
import type { State } from '../core/state.ts'
import { countCheck, countEvent, EMPTY_TALLY, type Tally } from '../core/tally.ts'

/** An hour's worth at the usual interval; some kilobytes. */
const CHECKS_KEPT = 60

export class History {
  #tally: Tally = EMPTY_TALLY
  readonly #checks: CheckRecord[] = []
  #lastCheck: State['lastCheck'] = null
  #progress: Sight['progress'] = null

  get tally(): Tally {
    return this.#tally
  }

  /** Oldest first. */
  get checks(): readonly CheckRecord[] {
    return this.#checks
  }

  /** Of the last download: it may be over. */
  get progress(): Sight['progress'] {
    return this.#progress
  }

  note(event: Stamped): void {
    this.#tally = countEvent(this.#tally, event)
    if (event.type === 'fetch-progress') this.#progress = event
    if (event.type === 'release-found') this.#progress = null
  }

  /** To be shown each state that came to rest: most checks are no event. */
  follow({ lastCheck }: Pick<State, 'lastCheck'>): void {
    if (lastCheck === null || lastCheck === this.#lastCheck) return
    this.#lastCheck = lastCheck
    this.#tally = countCheck(this.#tally, lastCheck.result)
    this.#checks.push(lastCheck)
    if (this.#checks.length > CHECKS_KEPT) this.#checks.shift()
  }
}
