/**
 * The watchdog of one worker (sd_watchdog_enabled(3)): the time runs from its first beat on, which readiness counts as,
 * and anew from each. It belongs to the worker's process and ends with `stop`.
 */

import { type AwakeTimer, afterAwake } from '../../system/awake.ts'

export class Watchdog {
  readonly #periodMs: number | null
  readonly #onMissed: (why: string) => void
  #timer: AwakeTimer | null = null

  /** `periodMs` null: nobody asked for one. */
  constructor(periodMs: number | null, onMissed: (why: string) => void) {
    this.#periodMs = periodMs
    this.#onMissed = onMissed
  }

  beat(): void {
    const periodMs = this.#periodMs
    if (periodMs === null) return
    this.stop()
    const why = `missed its watchdog: no WATCHDOG=1 for ${periodMs} ms`
    this.#timer = afterAwake(periodMs, () => this.#onMissed(why))
  }

  stop(): void {
    this.#timer?.stop()
  }
}
