/**
 * The master as a child subreaper (PR_SET_CHILD_SUBREAPER(2const)): what a worker leaves behind when it double-forks or
 * dies becomes a child of the master, and its end is seen here instead of at pid 1. Only adopted children are waited
 * for, each by its pid: libuv waits for those that spawn.ts started, and a waitpid(-1) would take their statuses away.
 * As pid 1 of a container the master needs this too, for Node does not reap there.
 */

import { setChildSubreaper, waitpid } from './libc/processes.ts'
import { childrenOf, readStat } from './procfs.ts'
import { type Exit, isOwnChild } from './spawn.ts'

export interface Reaper {
  /** Adopted children stay adopted, and zombies remain. */
  stop(): void
}

/** `onReaped` hears of each adopted child that has ended. */
export function startReaper(onReaped: (pid: number, exit: Exit) => void = () => undefined): Reaper {
  const reap = () => {
    for (const pid of childrenOf(process.pid)) {
      if (isOwnChild(pid) || !readStat(pid)?.isDead) continue
      const exit = reapOne(pid)
      if (exit !== null) onReaped(pid, exit)
    }
  }
  process.on('SIGCHLD', reap)
  setChildSubreaper(true)
  reap()
  return {
    stop() {
      process.off('SIGCHLD', reap)
      setChildSubreaper(false)
    },
  }
}

/** How this adopted child has ended, which nobody else hears then; null while it lives, or when it is no child. */
export function reapOne(pid: number): Exit | null {
  try {
    const reaped = waitpid(pid)
    return reaped === null ? null : { code: reaped.exitCode, signal: reaped.signal }
  } catch {
    // ECHILD: another part of the process was faster.
    return null
  }
}
