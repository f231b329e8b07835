/**
 * Workers that fork themselves away: the process that was started exits with 0, and what serves is a child that the
 * master has adopted (it is a child subreaper). It is known by the notify socket in its environment, which no other
 * worker has.
 */

import { childrenOf, environmentOf, isAlive } from '../system/procfs.ts'
import { isOwnChild } from '../system/spawn.ts'

/** The pid that a worker goes on under, or null. */
export function findDaemon(notifyPath: string, former: number): number | null {
  for (const pid of childrenOf(process.pid)) {
    if (pid === former || isOwnChild(pid) || !isAlive(pid)) continue
    if (environmentOf(pid)?.get('NOTIFY_SOCKET') === notifyPath) return pid
  }
  return null
}
