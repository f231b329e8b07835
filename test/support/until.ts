/** The one place that polls: for conditions of which the kernel sends no event. Every wait has a deadline. */

import { setTimeout as delay } from 'node:timers/promises'

const EVERY_MS = 10

/** Resolves with the first result of `probe` that is neither false nor null nor undefined. */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  deadlineMs: number = 15_000,
): Promise<Exclude<T, false | null | undefined>> {
  const end = performance.now() + deadlineMs
  for (;;) {
    const result = await probe()
    if (result !== false && result !== null && result !== undefined) {
      return result as Exclude<T, false | null | undefined>
    }
    if (performance.now() > end) throw new Error(`not so in ${deadlineMs} ms: ${what}`)
    await delay(EVERY_MS)
  }
}
