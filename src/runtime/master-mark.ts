/**
 * Whose child a process is, said in its environment as the state directory is: the master's pid and start time, which
 * together no other process ever has (proc_pid_stat(5)). It tells the workers that a killed master has left from those
 * of a living one that the lock knows nothing of. A worker is told its number besides: whatever it starts is known by
 * both, in whichever session it goes on.
 */

import { environmentOf, isAlive, readStat, treeOf } from '../system/procfs.ts'

const NAME = 'AUTOUP_MASTER'
const WORKER = 'AUTOUP_WORKER'

/** For the children of this process. */
export function masterMark(): Record<string, string> {
  return { [NAME]: ownMark() }
}

/** For one of its workers; what that starts inherits it. */
export function workerMark(worker: number): Record<string, string> {
  return { [WORKER]: String(worker) }
}

/**
 * The living processes that this worker of this master has started, and what those have, as far as they kept the mark.
 */
export function markedBy(worker: number): number[] {
  const master = ownMark()
  // The master is a child subreaper, so nothing that was started under it is elsewhere.
  return treeOf(process.pid).filter((pid) => {
    const environment = pid === process.pid ? null : environmentOf(pid)
    return environment?.get(WORKER) === String(worker) && environment.get(NAME) === master && isAlive(pid)
  })
}

function ownMark(): string {
  return `${process.pid}:${readStat(process.pid)?.startTicks}`
}

/** The pid of another master that lives and has started the process of this environment, or null. */
export function livingMaster(environment: ReadonlyMap<string, string> | null): number | null {
  const [pid, startTicks] = (environment?.get(NAME) ?? '').split(':').map(Number)
  if (!pid || !startTicks || pid === process.pid) return null
  return isAlive(pid, startTicks) ? pid : null
}
