/** A small disk of the test's own, to be filled to the last byte or turned read-only. */

import { execFileSync } from 'node:child_process'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from './master.ts'
import { onEnd } from './on-end.ts'

export interface Disk {
  readonly path: string
  /** Until not one byte more fits. */
  fill(): void
  /** As it was before `fill`. */
  free(): void
  /** From now on it takes as many files as one likes. */
  grow(): void
  /** As the kernel makes it after an error: whoever looks for a path of it finds it read-only. */
  turnReadOnly(): void
}

const BLOCK = Buffer.alloc(65_536)

/** A tmpfs(5) for at most so many files, unmounted when the test ends; needs root. */
export function smallDisk(megabytes: number, files = 10_000): Disk {
  const path = temporaryDirectory()
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,nr_inodes=${files},mode=755`, 'tmpfs', path])
  onEnd(() => execFileSync('umount', ['--lazy', path]))
  const ballast = join(path, 'ballast')
  return {
    path,
    fill() {
      const file = openSync(ballast, 'a')
      try {
        for (let size = BLOCK.length; size >= 1; size = Math.floor(size / 2)) while (write(file, size));
      } finally {
        closeSync(file)
      }
    },
    grow: () => execFileSync('mount', ['-o', 'remount,nr_inodes=10000', path]),
    free: () => rmSync(ballast, { force: true }),
    turnReadOnly() {
      execFileSync('mount', ['--bind', path, path])
      onEnd(() => execFileSync('umount', ['--lazy', path]))
      execFileSync('mount', ['-o', 'remount,bind,ro', path])
    },
  }
}

function write(file: number, size: number): boolean {
  try {
    return writeSync(file, BLOCK, 0, size) === size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false
    throw error
  }
}
