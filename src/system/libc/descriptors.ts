/** What libc does with a descriptor of any kind: its flags, its end, locks and leases on the file behind it. */

import { constants } from 'node:os'
import { systemError } from '../system-error.ts'
import { F, FD_CLOEXEC, LEASE, LOCK_EX_NB, O_ASYNC, O_NONBLOCK } from './constants.ts'
import { call, native } from './native.ts'

/** close(2). Not repeated when interrupted: on Linux the descriptor is gone by then. */
export function close(fd: number): void {
  const c = native()
  if (c.close(fd) === -1) {
    const errno = c.errno()
    if (errno !== constants.errno.EINTR) throw systemError(errno, 'close')
  }
}

/** dup2(2): `to` becomes a copy of `from`, without FD_CLOEXEC; what it was before is closed in the same instant. */
export function dup2(from: number, to: number): void {
  call('dup2', (c) => c.dup2(from, to))
}

/** O_NONBLOCK of fcntl(2), F_GETFL. It belongs to the socket, so everybody who holds it sees the same. */
export function isNonBlocking(fd: number): boolean {
  return (call('fcntl', (c) => c.fcntl(fd, F.GETFL)) & O_NONBLOCK) !== 0
}

/** O_NONBLOCK of fcntl(2), F_SETFL. */
export function setNonBlocking(fd: number, on: boolean): void {
  setStatusFlag(fd, O_NONBLOCK, on)
}

/** O_ASYNC of fcntl(2), F_SETFL: SIGIO when there is something to read. Its default action kills: handler first. */
export function setAsync(fd: number, on: boolean): void {
  setStatusFlag(fd, O_ASYNC, on)
}

/** F_SETOWN of fcntl(2): who gets the SIGIO. */
export function setOwner(fd: number, pid: number): void {
  call('fcntl', (c) => c.fcntl(fd, F.SETOWN, 'int', pid))
}

/** FD_CLOEXEC of fcntl(2), F_GETFD. */
export function isCloseOnExec(fd: number): boolean {
  return (call('fcntl', (c) => c.fcntl(fd, F.GETFD)) & FD_CLOEXEC) !== 0
}

/** FD_CLOEXEC of fcntl(2), F_SETFD: whether an exec closes it. */
export function setCloseOnExec(fd: number, on: boolean): void {
  call('fcntl', (c) => c.fcntl(fd, F.SETFD, 'int', on ? FD_CLOEXEC : 0))
}

/**
 * Whether anybody has the file open for writing: F_SETLEASE F_RDLCK of fcntl(2) is refused then. `fd` is open for
 * reading only. The lease is given back at once; should it be broken in between, the signal is SIGURG, which
 * nobody dies of, instead of SIGIO. Throws EACCES for another user's file without CAP_LEASE, EINVAL where the
 * file system has no leases.
 */
export function isOpenForWriting(fd: number): boolean {
  call('fcntl', (c) => c.fcntl(fd, F.SETSIG, 'int', constants.signals.SIGURG))
  try {
    call('fcntl', (c) => c.fcntl(fd, F.SETLEASE, 'int', LEASE.read))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return true
    throw error
  }
  call('fcntl', (c) => c.fcntl(fd, F.SETLEASE, 'int', LEASE.none))
  return false
}

/** flock(2) with LOCK_EX | LOCK_NB: false when somebody else holds it. Ends with the last copy of the descriptor. */
export function flock(fd: number): boolean {
  try {
    call('flock', (c) => c.flock(fd, LOCK_EX_NB))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false
    throw error
  }
}

function setStatusFlag(fd: number, flag: number, on: boolean): void {
  const flags = call('fcntl', (c) => c.fcntl(fd, F.GETFL))
  const wanted = on ? flags | flag : flags & ~flag
  if (wanted !== flags) call('fcntl', (c) => c.fcntl(fd, F.SETFL, 'int', wanted))
}
