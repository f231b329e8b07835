/**
 * The end of a master: not the last word on its control socket but that of its process, when the lock is free. There is
 * no event for the end of a process that is not our child without loading libc, so its entry in /proc is looked at.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { AutoupError } from '../core/errors.ts'
import type { Status } from '../core/status.ts'
import { isAlive, readStat } from '../system/procfs.ts'

const LOOK_EVERY_MS = 10

/**
 * To be called while it lives; what comes back waits until it does not. Throws AutoupError `timed-out` when that takes
 * until `endMs` of performance.now().
 */
export function endOf({ pid, name }: Pick<Status, 'pid' | 'name'>): (endMs: number) => Promise<void> {
  const startTicks = readStat(pid)?.startTicks
  return async (endMs) => {
    while (startTicks !== undefined && isAlive(pid, startTicks)) {
      if (performance.now() > endMs) {
        throw new AutoupError('timed-out', `the master of '${name}' (pid ${pid}) has not ended; it goes on stopping`)
      }
      await sleep(LOOK_EVERY_MS)
    }
  }
}
