/**
 * How fast a download comes, and how long it will take: over the last seconds, by the clock of the events themselves.
 * One that goes on from an earlier one is not counted as if all of it had come now.
 */

import { formatDuration, formatSize } from '../core/duration.ts'
import type { Stamped } from '../core/events.ts'

/** Longer than the pieces in which a slow line comes, shorter than a person waits for a changed one to be told. */
const WINDOW_MS = 5_000
/** Less says more of buffers than of the line. */
const LEAST_MS = 500

interface Sample {
  readonly at: number
  readonly bytes: number
}

/**
 * To be shown every event; of progress it says `8.0 MB/s, 6 s left`, or the empty text as long as nothing can be said.
 */
export function paceMeter(): (event: Stamped) => string {
  let samples: Sample[] = []
  return (event) => {
    if (event.type === 'release-found' || event.type === 'release-fetched') samples = []
    if (event.type !== 'fetch-progress') return ''
    const now = { at: Date.parse(event.at), bytes: event.bytes }
    // It began anew.
    if ((samples.at(-1)?.bytes ?? 0) > now.bytes) samples = []
    samples = [...samples.filter(({ at }) => now.at - at <= WINDOW_MS), now]
    return told(samples[0] ?? now, now, event.total)
  }
}

function told(from: Sample, now: Sample, total: number | null): string {
  const ms = now.at - from.at
  const rate = ((now.bytes - from.bytes) * 1_000) / ms
  if (ms < LEAST_MS || rate < 1) return ''
  const left = total === null ? '' : `, ${roundly(((total - now.bytes) / rate) * 1_000)} left`
  return `${formatSize(Math.round(rate))}/s${left}`
}

/** No tenths of a second, which nobody could read. */
function roundly(ms: number): string {
  return ms < 60_000 ? `${Math.max(0, Math.ceil(ms / 1_000))} s` : formatDuration(ms)
}
