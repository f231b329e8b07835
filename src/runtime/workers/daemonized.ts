/**
 * Workers that fork themselves away: the process that was started exits with 0, and what serves is a child that the
 * master has adopted (it is a child subreaper). It is known by the notify socket in its environment, which no other
 * worker has.
 */

import { childrenOf, environmentOf, isAlive, readStat } from '../../system/procfs.ts'
import { isOwnChild } from '../../system/spawn.ts'
import { nextReaped, type TrackedProcess, trackStranger } from './process.ts'

/** Far longer than the end of a process takes, unless a disk holds it up. */
const WAIT_MS = 500

/**
 * What a worker goes on as, or null. A process that is just ending shows no environment any more, while its children
 * are not ours yet: its end is waited for.
 */
export async function findDaemon(notifyPath: string, former: number): Promise<TrackedProcess | null> {
  const end = performance.now() + WAIT_MS
  for (;;) {
    let isClear = true
    for (const pid of childrenOf(process.pid)) {
      if (pid === former || isOwnChild(pid)) continue
      const found = environmentOf(pid)?.get('NOTIFY_SOCKET') === notifyPath ? trackStranger(pid) : null
      if (found) return found
      // Asked after its environment: who has one is not ending, or has ended meanwhile.
      if (isEnding(pid)) isClear = false
    }
    const leftMs = end - performance.now()
    if (isClear || leftMs <= 0) return null
    await nextReaped(leftMs)
  }
}

function isEnding(pid: number): boolean {
  const stat = readStat(pid)
  return stat !== null && (stat.isEnding || !isAlive(pid))
}

/**
 * Whether a worker may name this process as its main one: it descends from one that was that before (`own`), or the
 * master has adopted it. `others` are the main pids of other workers; what is theirs, or a stager's or a preflight's,
 * is not his to name.
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
