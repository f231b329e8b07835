/** The log format nobody asked for: what fits where stderr goes. */

import { fstatSync } from 'node:fs'
import type { LogFormat } from '../core/settings.ts'
import type { Io } from './io.ts'

const STDERR = 2

export function defaultLogFormat(io: Pick<Io, 'stderr' | 'env'>): LogFormat {
  if (io.stderr.isTTY === true) return 'pretty'
  return isJournal(io.env.JOURNAL_STREAM) ? 'journal' : 'json'
}

/** systemd.exec(5): device and inode of the journal's stream; inherited by all, so it must be that of our stderr. */
function isJournal(stream: string | undefined): boolean {
  if (!stream) return false
  try {
    const { dev, ino } = fstatSync(STDERR, { bigint: true })
    return stream === `${dev}:${ino}`
  } catch {
    return false
  }
}
