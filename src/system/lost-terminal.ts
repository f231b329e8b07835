/**
 * What a terminal leaves behind when it goes: standard descriptors on which every call fails with EIO. When Node ends
 * it gives terminals their settings back, and aborts (SIGABRT) where that fails; descriptors that lead elsewhere by
 * then it leaves alone.
 */

import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { isatty } from 'node:tty'
import { dup2 } from './libc/descriptors.ts'

const STDIO = [0, 1, 2]

/** /dev/null and its like (null(4)). */
const MEMORY_DEVICES = 1

/** To be called once it is gone. */
export function leaveLostTerminal(): void {
  const nothing = openSync('/dev/null', constants.O_RDWR)
  for (const fd of STDIO) if (isLostTerminal(fd)) dup2(nothing, fd)
  closeSync(nothing)
}

function isLostTerminal(fd: number): boolean {
  const stats = fstatSync(fd)
  // makedev(3): for numbers as small as these the major one lies above 8 bits.
  return stats.isCharacterDevice() && stats.rdev >> 8 !== MEMORY_DEVICES && !isatty(fd)
}
