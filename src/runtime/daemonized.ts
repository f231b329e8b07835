/**
 * Workers that fork themselves away: the process that was started exits with 0, and what serves is a child that the
 * master has adopted (it is a child subreaper). It is known by the notify socket in its environment, which no other
 * worker has.
 */

import { setTimeout as delay } from 'node:timers/promises'
import { childrenOf, environmentOf, isAlive, readStat } from '../system/procfs.ts'
import { isOwnChild } from '../system/spawn.ts'
import { type TrackedProcess, trackStranger } from './process.ts'

/** A process that is just ending shows no environment any more, while its children are not ours yet. */
const LOOK_EVERY_MS = 5
const LOOK_FOR_MS = 500

/** What a worker goes on as, or null. */
export async function findDaemon(notifyPath: string, former: number): Promise<TrackedProcess | null> {
  const end = performance.now() + LOOK_FOR_MS
  for (;;) {
    let isClear = true
    for (const pid of childrenOf(process.pid)) {
      if (pid === former || isOwnChild(pid)) continue
      const environment = environmentOf(pid)
      const found = environment?.get('NOTIFY_SOCKET') === notifyPath ? trackStranger(pid) : null
      if (found) return found
      if (!environment?.size || !isAlive(pid)) isClear = false
    }
    if (isClear || performance.now() > end) return null
    await delay(LOOK_EVERY_MS)
  }
}

/**
 * Whether a worker may name this process as its main one: it descends from one that was that before (`own`), or the
 * master has adopted it. `others` are the main pids of other workers; what is theirs, or a stager's or a preflight's, is not his to name.
 */
export function isOfWorker(pid: number, own: readonly number[], others: readonly number[]): boolean {
  for (let at = pid; !others.includes(at); ) {
    const parent = readStat(at)?.ppid
    if (parent === process.pid) return own.includes(at) || !isOwnChild(at)
    if (parent === undefined || parent <= 1) return false
    at = parent
  }
  return false
}
