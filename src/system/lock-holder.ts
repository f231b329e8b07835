/**
 * Who holds a lock of src/system/lock.ts, by the kernel's own table (/proc/locks, proc_locks(5)); asked without taking
 * it and without libc. Null where nobody does, and where that cannot be seen: a holder in another pid namespace, or one
 * that this user may not look for.
 */

import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { isAlive } from './procfs.ts'

/** O_PATH of open(2), which Node does not name: a file that this user may not read can be asked for all the same. */
const O_PATH = 0o10000000

export function lockHolder(path: string): number | null {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | O_PATH)
  } catch {
    return null
  }
  try {
    return holderOf(fd)
  } finally {
    closeSync(fd)
  }
}

/** A line is `1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF`; the pid is 0 or less outside this pid namespace. */
export function holderOf(fd: number): number | null {
  try {
    const { ino } = fstatSync(fd)
    const device = deviceOf(fd)
    for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
      const match = /^\d+: FLOCK +\S+ +WRITE +(\d+) +([0-9a-f]+):([0-9a-f]+):(\d+) /.exec(line)
      if (!match || Number(match[4]) !== ino || !isAlive(Number(match[1]))) continue
      const at = `${Number.parseInt(match[2] as string, 16)}:${Number.parseInt(match[3] as string, 16)}`
      if (device === null || device === at) return Number(match[1])
    }
  } catch {
    // Not everywhere readable.
  }
  return null
}

/**
 * `major:minor` of its mount (proc_pid_fdinfo(5), proc_pid_mountinfo(5)), or null where that is not told. Not of
 * stat(2): btrfs and overlayfs have other numbers there than in the table of locks.
 */
function deviceOf(fd: number): string | null {
  const [, mount] = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? []
  if (mount === undefined) return null
  const [, device] =
    new RegExp(`^${mount} \\d+ (\\d+:\\d+) `, 'm').exec(readFileSync('/proc/self/mountinfo', 'utf8')) ?? []
  return device ?? null
}
