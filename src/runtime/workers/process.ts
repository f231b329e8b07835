/**
 * A worker's process as the master holds it, whatever its origin: started here, adopted from a worker that forked
 * itself away, or left behind by a killed master. Children are reaped by libuv or the reaper; of strangers' children
 * only /proc tells, so these are looked at a few times a second while they live.
 */

import { killSession } from '../../system/kill-session.ts'
import { isAlive, readStat } from '../../system/procfs.ts'
import { reapOne } from '../../system/reaper.ts'
import { type Child, type Exit, isOwnChild } from '../../system/spawn.ts'

export interface TrackedProcess extends Pick<Child, 'pid' | 'startTicks' | 'exited' | 'signal' | 'killGroup'> {
  /** The leader of its session, alive or not, where that is another process. */
  readonly session?: Pick<Child, 'pid' | 'startTicks'>
}

/** How often /proc is asked about a process that is nobody's child here. */
const LOOK_EVERY_MS = 100

/** Those that are followed: the statuses of adopted children come from the reaper. */
const followed = new Map<number, { readonly process: TrackedProcess; readonly over: (exit: Exit) => void }>()

/** Who waits for the end of any adopted child. */
const watchers = new Set<() => void>()

/** For the reaper. */
export function noteReaped(pid: number, exit: Exit): void {
  followed.get(pid)?.over(exit)
  for (const watcher of [...watchers]) watcher()
}

/** Settles when the next adopted child has ended, or after this time. */
export async function nextReaped(timeoutMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const over = (): void => {
      clearTimeout(timer)
      watchers.delete(over)
      resolve()
    }
    const timer = setTimeout(over, timeoutMs)
    watchers.add(over)
  })
}

/**
 * Follows a process that was not started here, once however often it is asked for. `session` is killed as a whole. Null
 * when it is gone already.
 */
export function trackStranger(pid: number): TrackedProcess | null {
  const stat = readStat(pid)
  if (!stat || !isAlive(pid)) return null
  const { startTicks, session } = stat
  const known = followed.get(pid)?.process
  if (known?.startTicks === startTicks) return known
  const leaderTicks = readStat(session)?.startTicks ?? startTicks
  let resolve: (exit: Exit) => void = () => undefined
  const exited = new Promise<Exit>((settle) => {
    resolve = settle
  })
  const over = (exit: Exit): void => {
    clearInterval(timer)
    if (followed.get(pid)?.process === process) followed.delete(pid)
    resolve(exit)
  }
  const timer = setInterval(() => {
    const exit = exitOf(pid, startTicks)
    if (exit) over(exit)
  }, LOOK_EVERY_MS)
  const process: TrackedProcess = {
    pid,
    startTicks,
    session: { pid: session, startTicks: leaderTicks },
    exited,
    signal: (name) => isAlive(pid, startTicks) && signal(pid, name),
    killGroup() {
      if (session > 1) killSession(session, leaderTicks)
      if (isAlive(pid, startTicks)) signal(pid, 'SIGKILL')
    },
  }
  followed.set(pid, { process, over })
  return process
}

/** False when it is gone. */
function signal(pid: number, name: string): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

/** Null while it lives, or somebody else is about to say how it has ended. */
function exitOf(pid: number, startTicks: number): Exit | null {
  if (isAlive(pid, startTicks)) return null
  if (!isToBeReaped(pid, startTicks)) return { code: null, signal: null }
  // The reaper comes with SIGCHLD, and sees nothing for want of descriptors (EMFILE): then it will not come again.
  return isOwnChild(pid) ? null : reapOne(pid)
}

/** A zombie of ours. */
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
