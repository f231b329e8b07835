/**
 * The log of a daemon: a file that the master and its workers write to through one open file description with
 * O_APPEND (open(2)), so that every line lands at the end wherever that is by then. It is kept short by copy and
 * truncate, because no worker could be told to open another file: what is there is copied away, then the file is cut
 * to nothing, and everybody writes on. Only what is written between the last look at its end and the cut, a few
 * microseconds later, is lost.
 */

import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AutoupError, errnoOf, messageOf } from '../core/errors.ts'
import { dup2, flock } from './libc/descriptors.ts'
import type { User } from './user.ts'

const MODE = 0o640
const STDOUT = 1
const STDERR = 2
const CHUNK_BYTES = 1024 * 1024

/** The caller closes it. `owner` may read it, and open it again as /dev/stderr. Throws AutoupError `failed`. */
export function openLog(path: string, owner: User | null): number {
  let fd: number
  try {
    fd = openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, MODE)
  } catch (cause) {
    const errno = errnoOf(cause)
    const why =
      errno === 'ENOENT' || errno === 'ENOTDIR'
        ? `there is no directory ${dirname(path)}: make it, or give another file with --log-file`
        : errno === 'EISDIR'
          ? 'it is a directory: give a file with --log-file'
          : messageOf(cause)
    throw new AutoupError('failed', `cannot open the log ${path}: ${why}`, { cause })
  }
  if (owner === null) return fd
  try {
    fchownSync(fd, owner.uid, owner.gid)
  } catch {
    // Not root: it belongs to whoever can be.
  }
  return fd
}

/** This process, and what it starts from now on, writes to `path`; what runs keeps the file that it has. */
export function reopenLog(path: string, owner: User | null): void {
  const fd = openLog(path, owner)
  dup2(fd, STDOUT)
  dup2(fd, STDERR)
  closeSync(fd)
}

/**
 * Whether what this process writes to is `path` and longer than this. Another file there is somebody else's rotation.
 */
export function isLongLog(path: string, bytes: number): boolean {
  const own = fstatSync(STDERR)
  if (own.size <= bytes) return false
  const there = statSync(path, { throwIfNoEntry: false })
  return there?.ino === own.ino && there.dev === own.dev
}

/**
 * `log` becomes `log.1`, that `log.2`, and so on up to `keep`. Where several masters write to it, one of them rotates
 * it (flock(2)), if it is still longer than this. Throws the system error; then nothing is lost.
 */
export async function rotateLog(path: string, keep: number, bytes = 0): Promise<void> {
  const log = await open(path, 'r+')
  try {
    if (!flock(log.fd) || (await log.stat()).size <= bytes) return
    if (keep > 0) await copyAway(log, path, keep)
    else await log.truncate()
  } finally {
    await log.close()
  }
}

async function copyAway(from: FileHandle, path: string, keep: number): Promise<void> {
  const temporary = `${path}.rotating`
  try {
    const to = await open(temporary, 'w', MODE)
    try {
      const { uid, gid } = await from.stat()
      const buffer = Buffer.alloc(CHUNK_BYTES)
      let at = 0
      for (;;) {
        const { bytesRead } = await from.read(buffer, 0, buffer.length, at)
        if (bytesRead === 0) break
        at += (await to.write(buffer, 0, bytesRead)).bytesWritten
      }
      fchmodSync(to.fd, MODE)
      if (process.getuid?.() === 0) fchownSync(to.fd, uid, gid)
      // From here to the end in one turn: the rest is short, and a reader that follows sees one step.
      shift(path, keep)
      renameSync(temporary, `${path}.1`)
      for (let read = 1; read > 0; at += read) {
        read = readSync(from.fd, buffer, 0, buffer.length, at)
        writeAll(to.fd, buffer.subarray(0, read))
      }
      ftruncateSync(from.fd, 0)
    } finally {
      await to.close()
    }
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

function shift(path: string, keep: number): void {
  for (let number = keep - 1; number >= 1; number--) {
    try {
      renameSync(`${path}.${number}`, `${path}.${number + 1}`)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
}
