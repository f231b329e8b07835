/**
 * Sockets that the master was started with: the receiving side of sd_listen_fds(3). The variables count only when
 * LISTEN_PID names this process, so that those of a parent are not taken for our own. From here on the descriptors
 * belong to the master and, like all of its own, close on exec; they are never closed before the final stop, since
 * whoever passed them holds them too.
 */

import { fstatSync, readlinkSync } from 'node:fs'
import { AutoupError } from '../core/errors.ts'
import { describeSocket, inodeOf, type SocketDescription } from './describe-socket.ts'
import { setCloseOnExec } from './libc/descriptors.ts'

export interface InheritedSocket extends SocketDescription {
  /** From LISTEN_FDNAMES; `unknown` without one, as sd_listen_fds_with_names(3) has it. Names may repeat. */
  readonly name: string
  readonly fd: number
  readonly inode: number
}

/** The first of them. */
export const SD_LISTEN_FDS_START = 3

/** None unless the variables are meant for `pid`. Throws AutoupError `failed` when they promise what is not open. */
export function readInherited(env: NodeJS.ProcessEnv, pid: number): InheritedSocket[] {
  const { LISTEN_FDS: count = '', LISTEN_PID: forPid, LISTEN_FDNAMES: names = '' } = env
  if (forPid !== String(pid) || count === '') return []
  if (!/^\d{1,6}$/.test(count)) {
    throw new AutoupError('failed', `LISTEN_FDS is '${count}', not a number; whatever starts autoup sets it wrongly`)
  }
  const named = names === '' ? [] : names.split(':')
  return Array.from({ length: Number(count) }, (_, index) => {
    const fd = SD_LISTEN_FDS_START + index
    if (!isPassable(fd)) {
      const advice = 'whatever starts autoup closed it, or set the variable wrongly'
      throw new AutoupError('failed', `LISTEN_FDS is ${count}, but descriptor ${fd} is not open; ${advice}`)
    }
    setCloseOnExec(fd, true)
    return { name: named[index] || 'unknown', fd, inode: inodeOf(fd), ...describeSocket(fd) }
  })
}

/** Open, and not one that Node made for itself at start where the promised one was missing. */
function isPassable(fd: number): boolean {
  try {
    fstatSync(fd)
    return !/^anon_inode:\[(eventpoll|eventfd|io_uring)\]$/.test(readlinkSync(`/proc/self/fd/${fd}`))
  } catch {
    return false
  }
}
