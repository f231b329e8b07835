/**
 * Workers that fork themselves away: the process that was started exits with 0, and what serves is a child that the
 * master has adopted (it is a child subreaper). It is known by the notify socket in its environment, which no other
 * worker has.
 */

import { childrenOf, environmentOf, isAlive, readStat } from '../system/procfs.ts'
import { isOwnChild } from '../system/spawn.ts'
import { type TrackedProcess, trackStranger } from './process.ts'

/** Each process on the way down may end during one look. */
const LOOKS = 10

/** What a worker goes on as, or null. */
export function findDaemon(notifyPath: string, former: number): TrackedProcess | null {
  for (let look = 0; look < LOOKS; look++) {
    const others = childrenOf(process.pid).filter((pid) => pid !== former && !isOwnChild(pid))
    for (const pid of others) {
      const found = environmentOf(pid)?.get('NOTIFY_SOCKET') === notifyPath ? trackStranger(pid) : null
      if (found) return found
    }
    // Who has ended meanwhile may have left us a child that this look did not see.
    if (others.every((pid) => isAlive(pid))) return null
  }
  return null
}

/**
 * Whether the worker `own` may name this process as its main one: it descends from the worker, or the master has adopted
 * it. `others` are the main pids of other workers; what is theirs, or a stager's or a preflight's, is not his to name.
 */
export function isOfWorker(pid: number, own: number, others: readonly number[]): boolean {
  for (let at = pid; !others.includes(at); ) {
    const parent = readStat(at)?.ppid
    if (parent === process.pid) return at === own || !isOwnChild(at)
    if (parent === undefined || parent <= 1) return false
    at = parent
  }
  return false
}
