/**
 * The master's loop: an input goes into the pure `step`, its effects are carried out in order, the timer is set for
 * the next moment at which something is due. One input at a time; what effects report waits its turn, but the answer
 * to `save` comes before everything else.
 */

import type { Effect, Input, Instant, State } from '../core/state.ts'
import { step, wakeAt } from '../core/supervisor.ts'
import { type AwakeTimer, afterAwake, awakeMs } from '../system/awake.ts'

export function now(): Instant {
  return { ms: awakeMs(), iso: new Date().toISOString() }
}

export class Loop {
  state: State
  readonly #carryOut: (effect: Effect) => Input | undefined
  readonly #onChange: (state: State) => void
  readonly #queue: Input[] = []
  #isRunning = false
  /** When the last step was; monotonic ms. What was due by then is done, or waits for something else than time. */
  #steppedAt = 0
  #timer: AwakeTimer | null = null
  /** When that is due. */
  #wakeAt: number | null = null
  #isClosed = false

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
    this.#isClosed = true
    this.#disarm()
  }

  #take(input: Input): void {
    const at = now()
    this.#steppedAt = at.ms
    const { state, effects } = step(this.state, input, at)
    this.state = state
    const answers = effects.flatMap((effect) => this.#carryOut(effect) ?? [])
    this.#queue.unshift(...answers)
  }

  /** A timer that is right stays: who speaks without a pause must not keep the others' time from coming. */
  #arm(): void {
    const wake = wakeAt(this.state, this.#steppedAt)
    if (this.#isClosed || wake === this.#wakeAt) return
    this.#disarm()
    this.#wakeAt = wake
    this.#timer = afterAwake(wake - awakeMs(), () => {
      this.#disarm()
      this.send({ type: 'tick' })
    })
  }

  #disarm(): void {
    this.#timer?.stop()
    this.#timer = null
    this.#wakeAt = null
  }
}
