/**
 * One master per state directory: flock(2) on a file, held until `release` or death, so a lock is never stale. The
 * descriptor closes on exec and no child inherits it. The pid in the file is for people; the kernel's own table
 * is believed first.
 */

import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs'
import { AutoupError, errnoOf, messageOf } from '../core/errors.ts'
import { flock } from './libc/descriptors.ts'
import { holderOf } from './lock-holder.ts'
import { isAlive } from './procfs.ts'

export interface Lock {
  readonly path: string
  release(): void
}

/**
 * Throws AutoupError `locked` when another process has it (`data.pid`: who, or null), `failed` when it cannot be
 * opened.
 */
export function acquireLock(path: string): Lock {
  for (;;) {
    const fd = open(path)
    try {
      if (!flock(fd)) throw lockedBy(path, fd)
      // Somebody may have removed or replaced the file since it was opened: that lock would guard nothing.
      if (isStill(path, fd)) return hold(path, fd)
    } catch (error) {
      closeSync(fd)
      throw error
    }
    closeSync(fd)
  }
}

function hold(path: string, fd: number): Lock {
  try {
    ftruncateSync(fd)
    writeSync(fd, `${process.pid}\n`, 0)
  } catch {
    // A full disk: the lock holds all the same.
  }
  let isHeld = true
  return {
    path,
    release: () => {
      if (!isHeld) return
      isHeld = false
      // The pid may stay: who reads it asks whether somebody holds the lock.
      closeSync(fd)
    },
  }
}

/** Node sets O_CLOEXEC on all it opens (open(2)). */
function open(path: string): number {
  try {
    return openSync(path, constants.O_CREAT | constants.O_RDWR, 0o600)
  } catch (cause) {
    // On a disk that turned read-only the lock that is there still locks.
    if (errnoOf(cause) === 'EROFS' && existsSync(path)) return openSync(path, constants.O_RDONLY)
    const readOnly = errnoOf(cause) === 'EROFS' ? 'the file system is read-only; ' : ''
    const advice = 'run as the user who owns the state directory, or give another with --state-dir'
    throw new AutoupError('failed', `cannot open the lock ${path}: ${readOnly}${messageOf(cause)}; ${advice}`, {
      cause,
    })
  }
}

function isStill(path: string, fd: number): boolean {
  const [now, own] = [statSync(path, { throwIfNoEntry: false }), fstatSync(fd)]
  return now?.ino === own.ino && now.dev === own.dev
}

function lockedBy(path: string, fd: number): AutoupError {
  const pid = holderOf(fd) ?? writtenHolder(fd)
  const who = pid === null ? 'another process' : `process ${pid}`
  return new AutoupError('locked', `${path} is locked by ${who}; stop that master first, or give another --name`, {
    data: { path, pid },
  })
}

function writtenHolder(fd: number): number | null {
  const pid = Number(readFileSync(fd, 'utf8').trim())
  return Number.isInteger(pid) && pid > 0 && isAlive(pid) ? pid : null
}
