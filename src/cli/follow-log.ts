/**
 * A log that is followed by its name, as `tail -F` does it: through rotations by copy and truncate, where the rest is
 * read from the copy, and by a move and a new file, where it is read from the one that was moved. inotify(7) on the
 * folder says when to look; nothing polls.
 */

import { closeSync, fstatSync, readSync, statSync, watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import { lineSplitter, openIfThere } from './log-lines.ts'

const CHUNK_BYTES = 64 * 1024

/**
 * Calls `onLine` with each whole line from `from` on, until `until`. The folder must be there. Throws AutoupError
 * `failed`.
 */
export async function followLog(
  path: string,
  from: number,
  onLine: (line: string) => void,
  until: AbortSignal,
): Promise<void> {
  const reader = logReader(path, from, onLine)
  const names = new Set([basename(path), `${basename(path)}.1`])
  const watcher = watch(dirname(path))
  try {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        try {
          reader.look()
        } catch (error) {
          reject(error)
        }
      }
      watcher.on('change', (_, name) => {
        if (name === null || names.has(String(name))) look()
      })
      watcher.once('error', reject)
      look()
      if (until.aborted) resolve()
      else until.addEventListener('abort', () => resolve(), { once: true })
    })
  } finally {
    watcher.close()
    reader.close()
  }
}

interface LogReader {
  /** Reads what is there by now. */
  look(): void
  close(): void
}

function logReader(path: string, from: number, onLine: (line: string) => void): LogReader {
  const copy = `${path}.1`
  let file = openIfThere(path)
  let offset = from
  let copyInode = inodeOf(copy)
  /** It was made since the last cut. */
  let isCopyFresh = false
  const take = lineSplitter(onLine)

  /** To the end of `fd`, which is where the next look goes on. */
  function readOn(fd: number): void {
    const chunk = Buffer.alloc(CHUNK_BYTES)
    for (let read = 1; read > 0; offset += read) {
      read = readSync(fd, chunk, 0, chunk.length, offset)
      take(chunk.subarray(0, read))
    }
  }

  return {
    look() {
      const inode = inodeOf(copy)
      if (inode !== copyInode) {
        copyInode = inode
        isCopyFresh = true
        readCopy()
      }
      if (file !== null) {
        if (fstatSync(file).size < offset || (isCopyFresh && !isCopied(file))) {
          // Cut: what is there now is new, and the last of what was before came into the copy just now.
          if (isCopyFresh) readCopy()
          isCopyFresh = false
          offset = 0
        }
        readOn(file)
        if (inodeOf(path) === fstatSync(file).ino) return
      }
      const next = openIfThere(path)
      if (next === null) return
      if (file !== null) closeSync(file)
      file = next
      offset = 0
      isCopyFresh = false
      readOn(file)
    },
    close() {
      if (file !== null) closeSync(file)
      file = null
    },
  }

  /** Until it is cut it begins as its copy does; after that it may soon be as long again. */
  function isCopied(fd: number): boolean {
    const copied = openIfThere(copy)
    // Somebody has removed it.
    if (copied === null) return true
    try {
      const [ours, theirs] = [beginning(fd), beginning(copied)]
      const length = Math.min(ours.length, theirs.length)
      return ours.subarray(0, length).equals(theirs.subarray(0, length))
    } finally {
      closeSync(copied)
    }
  }

  /** A copy has all that was in the file, so that the place in one is that in the other. */
  function readCopy(): void {
    const fd = openIfThere(copy)
    if (fd === null) return
    try {
      // The file itself, moved by somebody's own rotation, is open here and read as such.
      const isMoved = file !== null && fstatSync(file).ino === fstatSync(fd).ino
      if (!isMoved) readOn(fd)
    } finally {
      closeSync(fd)
    }
  }
}

function beginning(fd: number): Buffer {
  const chunk = Buffer.alloc(CHUNK_BYTES)
  return chunk.subarray(0, readSync(fd, chunk, 0, chunk.length, 0))
}

function inodeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? null
}
