/** Durations (`500ms 30s 5m 1h`) and sizes (`10MB 1GiB`) as people write them. */

import { AutoupError } from './errors.ts'

const MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const BYTES = { B: 1, kB: 1e3, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const

/** A timer of Node ends at 2³¹ ms, a little under 25 days, and fires at once beyond. */
const LONGEST_DAYS = 24

/** Milliseconds. `0` needs no unit; nothing else goes without one. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim())
  if (match) {
    const ms = Math.round(Number(match[1]) * MS[match[2] as keyof typeof MS])
    if (ms <= LONGEST_DAYS * MS.d) return ms
    throw new AutoupError('usage', `'${text}' is too long: the most is ${LONGEST_DAYS}d`)
  }
  if (text.trim() === '0') return 0
  throw new AutoupError('usage', `'${text}' is not a duration: write a number and a unit, such as 500ms, 30s, 5m or 1h`)
}

/** Bytes. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(B|kB|KB|MB|GB|KiB|MiB|GiB)$/.exec(text.trim())
  if (match) return Math.round(Number(match[1]) * BYTES[match[2] as keyof typeof BYTES])
  throw new AutoupError('usage', `'${text}' is not a size: write a number and a unit, such as 512KiB, 10MB or 1GiB`)
}

/** `87 ms`, `4.2 s`, `3 min`, `2 h`: for people. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`
  if (ms < 5_400_000) return `${Math.round(ms / 60_000)} min`
  return `${Math.round(ms / 3_600_000)} h`
}

/** `12.3 MB`: for people. */
export function formatSize(bytes: number): string {
  if (bytes < 1e3) return `${bytes} B`
  for (const [unit, size] of [
    ['kB', 1e3],
    ['MB', 1e6],
  ] as const) {
    if (bytes < size * 1e3) return `${(bytes / size).toFixed(1)} ${unit}`
  }
  return `${(bytes / 1e9).toFixed(1)} GB`
}
