/**
 * Who holds a lock of src/system/lock.ts, by the kernel's own table (/proc/locks, proc_locks(5)); asked without taking it
 * and without libc. Null where nobody does, and where that cannot be seen: a holder in another pid namespace, or one that
 * this user may not look for.
 */

import { readFileSync, statSync } from 'node:fs'
import { isAlive } from './procfs.ts'

export function lockHolder(path: string): number | null {
  try {
    const inode = statSync(path, { throwIfNoEntry: false })?.ino
    return inode === undefined ? null : holderOf(inode)
  } catch {
    return null
  }
}

/** A line is `1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF`; the pid is 0 or less outside this pid namespace. */
export function holderOf(inode: number): number | null {
  try {
    for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
      const match = /^\d+: FLOCK +\S+ +WRITE +(\d+) +[0-9a-f]+:[0-9a-f]+:(\d+) /.exec(line)
      // Device numbers are left out: btrfs and overlayfs show others here than stat(2) does.
      if (match && Number(match[2]) === inode && isAlive(Number(match[1]))) return Number(match[1])
    }
  } catch {
    // Not everywhere readable.
  }
  return null
}
