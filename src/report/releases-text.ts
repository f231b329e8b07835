/** `autoup releases` for a person: the builds in the store, newest first, as a table. */

import { shortId } from '../core/build.ts'
import { formatSize } from '../core/duration.ts'
import type { ReleaseRow } from '../core/status.ts'
import { clean } from './clean.ts'
import type { Paint } from './color.ts'

const COLORS: Readonly<Record<ReleaseRow['state'], Parameters<Paint>[0]>> = {
  current: 'green',
  previous: 'cyan',
  candidate: 'yellow',
  quarantined: 'red',
  kept: 'dim',
}

const HEAD = ['VERSION', 'BUILD', 'STATE', 'SIZE', 'STAGED', 'COMMITTED']
const STATE_COLUMN = 2

/** Ends with a line feed. */
export function releasesText(rows: readonly ReleaseRow[], paint: Paint): string {
  if (rows.length === 0) return 'no builds yet\n'
  const cells = rows.map((row) => [
    clean(row.version) || '-',
    shortId(row.build),
    row.state,
    row.size === null ? '-' : formatSize(row.size),
    minute(row.stagedAt),
    minute(row.committedAt),
  ])
  const widths = HEAD.map((head, column) => Math.max(head.length, ...cells.map((line) => (line[column] ?? '').length)))
  const pad = (line: readonly string[]): string[] => line.map((cell, column) => cell.padEnd(widths[column] ?? 0))
  const lines = rows.map((row, index) => {
    const padded = pad(cells[index] ?? [])
    padded[STATE_COLUMN] = paint(COLORS[row.state], padded[STATE_COLUMN] ?? '')
    const why = row.reason ? `  ${clean(row.reason)}` : ''
    return `${padded.join('  ')}${why}`.trimEnd()
  })
  return `${[paint('dim', pad(HEAD).join('  ').trimEnd()), ...lines].join('\n')}\n`
}

/** `2026-01-31 12:00`, in UTC. */
function minute(at: string | null): string {
  return at ? `${at.slice(0, 16).replace('T', ' ')}Z` : '-'
}
