/**
 * Whose child a process is, said in its environment as the state directory is: the master's pid and start time, which
 * together no other process ever has (proc_pid_stat(5)). It tells the workers that a killed master has left from those
 * of a living one that the lock knows nothing of.
 */

import { isAlive, readStat } from '../system/procfs.ts'

const NAME = 'AUTOUP_MASTER'

/** For the children of this process. */
export function masterMark(): Record<string, string> {
  return { [NAME]: `${process.pid}:${readStat(process.pid)?.startTicks}` }
}

/** The pid of another master that lives and has started the process of this environment, or null. */
export function livingMaster(environment: ReadonlyMap<string, string> | null): number | null {
  const [pid, startTicks] = (environment?.get(NAME) ?? '').split(':').map(Number)
  if (!pid || !startTicks || pid === process.pid) return null
  return isAlive(pid, startTicks) ? pid : null
}
