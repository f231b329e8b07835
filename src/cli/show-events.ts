/**
 * What happens while somebody at a terminal waits for a verdict: the events of the master as lines, on stderr, from now
 * or after `since` on, until the work is over. The verdict itself is the command's to tell. Nothing is shown elsewhere,
 * and where it cannot be shown the work goes on all the same.
 */

import { setImmediate as afterReads } from 'node:timers/promises'
import type { Stamped } from '../core/events.ts'
import { FROM_NOW_ON, follow, type MasterPlace } from './control-client.ts'
import type { Io } from './io.ts'

export async function showEvents<T>(
  master: MasterPlace,
  io: Pick<Io, 'stderr'>,
  work: () => Promise<T>,
  since: number = FROM_NOW_ON,
): Promise<T> {
  if (io.stderr.isTTY !== true) return await work()
  const { ERASE, prettyReporter } = await import('../report/pretty.ts')
  const end = new AbortController()
  const shown = show(master, since, prettyReporter(io.stderr), end.signal).catch(() => undefined)
  try {
    return await work()
  } finally {
    // The master has written its events before its answer: they are here as well.
    await afterReads()
    end.abort()
    await shown
    // A download that goes on has left its line.
    io.stderr.write(ERASE)
  }
}

async function show(
  master: MasterPlace,
  since: number,
  report: (event: Stamped) => void,
  signal: AbortSignal,
): Promise<void> {
  for await (const event of follow(master, { since, follow: true, signal })) {
    if (event.type !== 'settled' && event.type !== 'master-stopped') report(event)
  }
}
