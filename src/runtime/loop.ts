/**
 * The master's loop: an input goes into the pure `step`, its effects are carried out in order, the timer is set for
 * the next moment at which something is due. One input at a time; what effects report waits its turn, but the answer
 * to `save` comes before everything else.
 */

import type { Effect, Input, Instant, State } from '../core/state.ts'
import { step, wakeAt } from '../core/supervisor.ts'

/** Node's timers overflow past 2^31 - 1 ms; the loop just looks again. */
const LONGEST_TIMER_MS = 2_147_483_647

export function now(): Instant {
  return { ms: performance.now(), iso: new Date().toISOString() }
}

export class Loop {
  state: State
  readonly #carryOut: (effect: Effect) => Input | undefined
  readonly #onChange: (state: State) => void
  readonly #queue: Input[] = []
  #isRunning = false
  /** When the last step was; monotonic ms. What was due by then is done, or waits for something else than time. */
  #steppedAt = 0
  #timer: NodeJS.Timeout | null = null

  /** `carryOut` returns an input where the outcome is known at once; `onChange` sees each state that came to rest. */
  constructor(state: State, carryOut: (effect: Effect) => Input | undefined, onChange: (state: State) => void) {
    this.state = state
    this.#carryOut = carryOut
    this.#onChange = onChange
  }

  send(input: Input): void {
    this.#queue.push(input)
    if (this.#isRunning) return
    this.#isRunning = true
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) this.#take(next)
    } finally {
      this.#isRunning = false
    }
    this.#onChange(this.state)
    this.#arm()
  }

  /** No timer is left; inputs are still taken. */
  close(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
  }

  #take(input: Input): void {
    const at = now()
    this.#steppedAt = at.ms
    const { state, effects } = step(this.state, input, at)
    this.state = state
    const answers = effects.flatMap((effect) => this.#carryOut(effect) ?? [])
    this.#queue.unshift(...answers)
  }

  #arm(): void {
    this.close()
    const wake = wakeAt(this.state, this.#steppedAt)
    if (wake === Number.POSITIVE_INFINITY) return
    const waitMs = Math.min(LONGEST_TIMER_MS, Math.max(0, Math.ceil(wake - now().ms)))
    this.#timer = setTimeout(() => this.send({ type: 'tick' }), waitMs)
  }
}
