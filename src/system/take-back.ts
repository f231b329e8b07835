/**
 * Listeners of a master that was killed, taken back from the workers that outlived it: pidfd_getfd(2) copies the
 * descriptor, so the queue is never without a holder. Sockets are recognised by the inode that was written down when
 * they were bound, and looked at again after the copy, since a pid or a descriptor may be another's by then.
 */

import { inodeOf } from './describe-socket.ts'
import { close } from './libc/descriptors.ts'
import { pidfdGetfd, pidfdOpen } from './libc/processes.ts'
import { isListening } from './libc/sockets.ts'
import { openFiles, socketInodeIn } from './procfs.ts'

/**
 * The descriptors, now ours, by address. `wanted` maps address to inode. What the kernel does not give (EPERM under
 * Yama, ENOSYS before Linux 5.6), what is gone, and what does not listen any more is left out.
 */
export function takeBack(pids: readonly number[], wanted: ReadonlyMap<string, number>): Map<string, number> {
  const taken = new Map<string, number>()
  for (const pid of pids) {
    const missing = new Map([...wanted].filter(([address]) => !taken.has(address)).map(([key, inode]) => [inode, key]))
    if (missing.size === 0) break
    for (const [inode, fd] of socketsOf(pid, missing)) {
      const copy = copyOf(pid, fd, inode)
      if (copy !== null) taken.set(missing.get(inode) as string, copy)
    }
  }
  return taken
}

/** Inode and number of those descriptors that are wanted, one for each inode. */
function socketsOf(pid: number, wanted: ReadonlyMap<number, string>): Map<number, number> {
  const found = new Map<number, number>()
  for (const { fd, target } of openFiles(pid)) {
    const inode = socketInodeIn(target)
    if (inode !== null && wanted.has(inode)) found.set(inode, Number(fd))
  }
  return found
}

function copyOf(pid: number, fd: number, inode: number): number | null {
  let pidfd: number | null = null
  let copy: number | null = null
  try {
    pidfd = pidfdOpen(pid)
    copy = pidfdGetfd(pidfd, fd)
    if (inodeOf(copy) === inode && isListening(copy)) return copy
  } catch {
    // Gone, or not ours to look into: the caller drains that worker first.
  } finally {
    if (pidfd !== null) close(pidfd)
  }
  if (copy !== null) close(copy)
  return null
}
