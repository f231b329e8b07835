/**
 * A worker's process as the master holds it, whatever its origin: started here, adopted from a worker that forked
 * itself away, or left behind by a killed master. Children are reaped by libuv or the reaper; of strangers' children
 * only /proc tells, so these are looked at a few times a second while they live.
 */

import { killSession } from '../system/kill-session.ts'
import { isAlive, readStat } from '../system/procfs.ts'
import type { Child, Exit } from '../system/spawn.ts'

export interface TrackedProcess extends Pick<Child, 'pid' | 'startTicks' | 'exited' | 'signal' | 'killGroup'> {
  /** The leader of its session, alive or not, where that is another process. */
  readonly session?: Pick<Child, 'pid' | 'startTicks'>
}

/** How often /proc is asked about a process that is nobody's child here. */
const LOOK_EVERY_MS = 100

/** Adopted children that are followed: their statuses come from the reaper. */
const adopted = new Map<number, (exit: Exit) => void>()

/** For the reaper. */
export function noteReaped(pid: number, exit: Exit): void {
  adopted.get(pid)?.(exit)
}

/** Follows a process that was not started here. `session` is killed as a whole. Null when it is gone already. */
export function trackStranger(pid: number): TrackedProcess | null {
  const stat = readStat(pid)
  if (!stat || !isAlive(pid)) return null
  const { startTicks, session } = stat
  const leaderTicks = readStat(session)?.startTicks ?? startTicks
  return {
    pid,
    startTicks,
    session: { pid: session, startTicks: leaderTicks },
    exited: new Promise<Exit>((resolve) => {
      const over = (exit: Exit): void => {
        clearInterval(timer)
        adopted.delete(pid)
        resolve(exit)
      }
      const timer = setInterval(() => {
        if (isAlive(pid, startTicks) || isToBeReaped(pid, startTicks)) return
        over({ code: null, signal: null })
      }, LOOK_EVERY_MS)
      adopted.set(pid, over)
    }),
    signal(name) {
      if (!isAlive(pid, startTicks)) return false
      try {
        return process.kill(pid, name)
      } catch {
        return false
      }
    },
    killGroup() {
      if (session === pid || session > 1) killSession(session, leaderTicks)
      if (!isAlive(pid, startTicks)) return
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // Gone meanwhile.
      }
    },
  }
}

/** A zombie of ours: the reaper is about to say how it ended. */
function isToBeReaped(pid: number, startTicks: number): boolean {
  const stat = readStat(pid)
  return stat?.ppid === process.pid && stat.startTicks === startTicks
}

/** `exited with 3`, `was killed by SIGKILL`, or `ended` where nobody could wait for it. */
export function describeExit({ code, signal }: Exit): string {
  if (signal !== null) return `was killed by ${signal}`
  return code === null ? 'ended' : `exited with ${code}`
}

/** What a shell would report: the status, or 128 and the signal's number. */
export function exitStatus({ code, signal }: Exit, signals: Readonly<Record<string, number>>): number {
  if (code !== null) return code
  return signal === null ? 0 : 128 + (signals[signal] ?? 0)
}
