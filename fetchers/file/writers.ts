/**
 * Whether somebody is still writing a file, asked of the kernel: a read lease is refused while a descriptor is open for
 * writing (fcntl(2), F_SETLEASE). Where there are no leases (network file systems, files of another user), stillness
 * alone has to do.
 */

import { closeSync, constants, openSync } from 'node:fs'
import { isOpenForWriting } from '../../src/system/libc/descriptors.ts'

/** `fd` is open for reading only. */
export function isBeingWritten(fd: number): boolean {
  try {
    return isOpenForWriting(fd)
  } catch {
    return false
  }
}

export function isPathBeingWritten(path: string): boolean {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    return isBeingWritten(fd)
  } finally {
    closeSync(fd)
  }
}
