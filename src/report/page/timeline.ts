/**
 * The history of each release, from what the store has (which lasts) and what the master has said (which knows more).
 * Newest first, and bounded: the page is no archive. Pure.
 */

import { shortId } from '../../core/build.ts'
import { formatDuration } from '../../core/duration.ts'
import type { Stamped } from '../../core/events.ts'
import type { Sight } from '../../core/sight.ts'
import type { ReleaseRow } from '../../core/status.ts'

export type Tone = 'good' | 'bad' | 'plain'

export interface Moment {
  readonly at: string
  readonly what: string
  readonly tone: Tone
}

export interface TimelineEntry {
  /** The build, or the version of what was refused before its bytes were known. */
  readonly key: string
  readonly version: string
  /** Short digest, or ''. */
  readonly build: string
  readonly state: ReleaseRow['state'] | 'refused' | 'gone'
  readonly size: number | null
  readonly proofs: readonly string[]
  /** Why it is held back, or null. */
  readonly reason: string | null
  /** Oldest first. */
  readonly moments: readonly Moment[]
}

const ENTRIES = 12
const MOMENTS = 6

export function timeline(sight: Sight): readonly TimelineEntry[] {
  const rows = new Map(sight.releases.map((row) => [row.build, row]))
  const told = new Map<string, { version: string; moments: Moment[]; proofs: readonly string[] }>()
  for (const event of sight.events) {
    const moment = momentOf(event)
    if (moment === null || !('build' in event)) continue
    const key = event.build || event.version
    const entry = told.get(key) ?? { version: event.version, moments: [], proofs: [] }
    entry.moments.push(moment)
    if (event.type === 'build-staged') entry.proofs = event.proofs
    told.set(key, entry)
  }
  return [...new Set([...rows.keys(), ...told.keys()])]
    .map((key) => entryOf(key, rows.get(key), told.get(key), sight))
    .sort((one, other) => lastAt(other).localeCompare(lastAt(one)))
    .slice(0, ENTRIES)
}

function entryOf(
  key: string,
  row: ReleaseRow | undefined,
  told: { version: string; moments: readonly Moment[]; proofs: readonly string[] } | undefined,
  { status }: Sight,
): TimelineEntry {
  const known = [status.current, status.previous, status.candidate].find((build) => build?.build === key)
  const moments = [...fromStore(row, told?.moments ?? []), ...(told?.moments ?? [])]
  return {
    key,
    version: row?.version ?? told?.version ?? '',
    build: shortId(key) === key && key !== 'command' ? '' : shortId(key),
    state: row?.state ?? (key === 'command' ? 'current' : wasRefused(moments) ? 'refused' : 'gone'),
    size: row?.size ?? null,
    proofs: known?.proofs ?? told?.proofs ?? [],
    reason: row?.reason ?? null,
    moments: moments.slice(-MOMENTS),
  }
}

/** What an earlier master did. */
function fromStore(row: ReleaseRow | undefined, told: readonly Moment[]): Moment[] {
  if (!row) return []
  const moments: Moment[] = []
  const first = told[0]?.at ?? '9'
  if (row.state !== 'quarantined' && row.stagedAt < first && !told.some(({ what }) => what === 'staged'))
    moments.push({ at: row.stagedAt, what: 'staged', tone: 'plain' })
  if (row.state === 'quarantined' && told.length === 0)
    moments.push({ at: row.stagedAt, what: row.size === null ? 'held back' : 'staged', tone: 'plain' })
  if (row.committedAt !== null && row.committedAt < first)
    moments.push({ at: row.committedAt, what: 'committed', tone: 'good' })
  return moments
}

function momentOf(event: Stamped): Moment | null {
  const { at } = event
  switch (event.type) {
    case 'build-staged':
      return { at, what: 'staged', tone: 'plain' }
    case 'build-refused':
      return { at, what: `refused: ${event.reason}`, tone: 'bad' }
    case 'promotion-started':
      return { at, what: `${event.purpose} starts, generation ${event.generation}`, tone: 'plain' }
    case 'promotion-ready':
      return { at, what: `serves after ${formatDuration(event.afterMs)}`, tone: 'plain' }
    case 'build-committed':
      return { at, what: event.purpose === 'rollback' ? 'committed again, by rollback' : 'committed', tone: 'good' }
    case 'promotion-failed':
      return { at, what: `failed: ${event.reason}`, tone: 'bad' }
    case 'rolled-back':
      return { at, what: `serves again, instead of ${event.from}`, tone: 'good' }
    case 'build-quarantined':
      return { at, what: 'held back', tone: 'bad' }
    case 'quarantine-lifted':
      return { at, what: `no longer held back: ${event.reason}`, tone: 'plain' }
    default:
      return null
  }
}

function wasRefused(moments: readonly Moment[]): boolean {
  return moments.some(({ what }) => what.startsWith('refused: '))
}

function lastAt({ moments }: TimelineEntry): string {
  return moments.at(-1)?.at ?? ''
}
