/**
 * A download tells of itself many times a second. A log wants to know that it goes on, not each step: of progress
 * events one in ten seconds passes, by the clock of the events themselves; all other events pass.
 */

import type { Stamped } from '../core/events.ts'

const PROGRESS_EVERY_MS = 10_000

export function progressFilter(): (event: Stamped) => boolean {
  let saidAt: number | null = null
  return (event) => {
    if (event.type !== 'fetch-progress') {
      if (event.type === 'release-found') saidAt = Date.parse(event.at)
      return true
    }
    const at = Date.parse(event.at)
    // A download without a known beginning begins with its first event.
    saidAt ??= at
    if (at - saidAt < PROGRESS_EVERY_MS) return false
    saidAt = at
    return true
  }
}
