/**
 * Workers that fork themselves away: the process that was started exits with 0, and what serves is a child that the
 * master has adopted (it is a child subreaper). It is known by the notify socket in its environment, which no other
 * worker has.
 */

import { childrenOf, environmentOf, isAlive, treeOf } from '../system/procfs.ts'
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

/** Whether a worker may name this process as its main one: a descendant of the master's, and no other worker. */
export function isOfOurs(pid: number, others: readonly number[]): boolean {
  return pid !== process.pid && treeOf(process.pid).includes(pid) && !others.includes(pid)
}
