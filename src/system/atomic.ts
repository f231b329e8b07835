/**
 * Files that are either the old or the new, also after a power loss: written beside, fsync, rename, fsync of the
 * directory (rename(2), fsync(2)). Synchronous, because what is recorded must be on disk before what it permits is
 * started. Errors are those of the system, with their `code`.
 */

import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { errnoOf } from '../core/errors.ts'
import { discard } from './discard.ts'

const SUFFIX = '.autoup-tmp'

let counter = 0

/**
 * `mode` is taken exactly; without it the file gets what umask leaves of 0666. When this throws, the old file is
 * there and nothing else, unless only the last step failed, the fsync of the directory: then it is the new one.
 */
export function writeAtomically(path: string, data: string | Uint8Array, mode?: number): void {
  const temporary = temporaryFor(path)
  const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode ?? 0o666)
  try {
    try {
      if (mode !== undefined) fchmodSync(fd, mode)
      writeFileSync(fd, data)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, path)
  } catch (error) {
    discard(temporary)
    throw error
  }
  syncDirectory(dirname(path))
}

/** Makes `path` a symlink to `target`, in place of the symlink or file that is there. */
export function linkAtomically(target: string, path: string): void {
  const temporary = temporaryFor(path)
  symlinkSync(target, temporary)
  try {
    renameSync(temporary, path)
  } catch (error) {
    discard(temporary)
    throw error
  }
  syncDirectory(dirname(path))
}

/** fsync(2) of a directory: what was created, renamed or removed in it outlasts a power loss. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    fsyncSync(fd)
  } catch (error) {
    // A file system without such a thing (some FUSE) says EINVAL.
    if (errnoOf(error) !== 'EINVAL') throw error
  } finally {
    closeSync(fd)
  }
}

/** Removes what writers that were killed have left in a directory. Only for whoever holds the lock on it. */
export function sweepTemporaries(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (name.startsWith('.') && name.endsWith(SUFFIX)) rmSync(join(directory, name), { force: true })
  }
}

/** In the same directory, since rename(2) does not cross file systems; unique among all processes. */
function temporaryFor(path: string): string {
  const unique = `${process.pid}-${process.hrtime.bigint().toString(36)}-${counter++}`
  return join(dirname(path), `.${basename(path)}.${unique}${SUFFIX}`)
}
