/**
 * WATCHDOG=1 from the event loop (sd_watchdog_enabled(3)): what blocks the loop for too long keeps it from being sent.
 */

import type { Voice } from './voice.cts'

/** A timer of Node takes no more. */
const LONGEST_MS = 2 ** 31 - 1

/** At half the time, as the manual asks. The timer keeps no process alive. */
export function beat(voice: Voice, watchdogMs: number): void {
  voice.say('WATCHDOG=1')
  setInterval(() => voice.say('WATCHDOG=1'), Math.min(LONGEST_MS, Math.max(1, watchdogMs / 2))).unref()
}
