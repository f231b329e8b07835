/** `autoup releases` for a person: the builds in the store, newest first, as a table. */

import { shortId } from '../core/build.ts'
import { formatSize } from '../core/duration.ts'
import type { ReleaseRow } from '../core/status.ts'
import { clean } from './clean.ts'
import type { Paint } from './color.ts'
import { columnsOf, visibleLength, wrap } from './layout.ts'

const COLORS: Readonly<Record<ReleaseRow['state'], Parameters<Paint>[0]>> = {
  current: 'green',
  previous: 'cyan',
  candidate: 'yellow',
  quarantined: 'red',
  kept: 'dim',
}

const HEAD = ['VERSION', 'BUILD', 'STATE', 'SIZE', 'STAGED (UTC)', 'COMMITTED (UTC)'] as const
const REASON_INDENT = 4

/** Ends with a line feed. Null columns: no line is broken. */
export function releasesText(rows: readonly ReleaseRow[], paint: Paint, columns: number | null = null): string {
  if (rows.length === 0) return 'no builds yet\n'
  // Where versions are digests they stand there once.
  const areDigests = rows.every(({ version, build }) => shortId(build) === version)
  const cells = rows.map((row) => [
    clean(row.version) || '-',
    areDigests ? '' : shortId(row.build),
    paint(COLORS[row.state], row.state),
    row.size === null ? '-' : formatSize(row.size),
    minute(row.stagedAt),
    minute(row.committedAt),
  ])
  const head = HEAD.map((name) => (name === 'BUILD' && areDigests ? '' : paint('dim', name)))
  const [first = '', ...lines] = columnsOf([head, ...cells])
  const room = columns ?? Number.POSITIVE_INFINITY
  const withReasons = lines.flatMap((line, index) => {
    const reason = clean(rows[index]?.reason ?? '')
    const whole = `${line}  ${reason}`.trimEnd()
    if (visibleLength(whole) <= room) return [whole]
    return [line, ...wrap(`${' '.repeat(REASON_INDENT)}${reason}`, room, REASON_INDENT)]
  })
  return `${[first, ...withReasons].join('\n')}\n`
}

/** `2026-01-31 12:00`. */
function minute(at: string | null): string {
  return at ? at.slice(0, 16).replace('T', ' ') : '-'
}
