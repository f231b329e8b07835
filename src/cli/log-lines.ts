/**
 * The lines of a daemon's log for a person. Events that the master wrote there as JSON are shown as sentences, what the
 * workers print as it is.
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { AutoupError, errnoOf } from '../core/errors.ts'
import type { Stamped } from '../core/events.ts'

const CHUNK_BYTES = 64 * 1024
/** As many of the app's last lines say why it did not start. */
const LAST_WORDS = 15
/** No line of a log is longer than this, or it is cut here. */
const TAIL_BYTES = 256 * 1024

/** What the workers have printed last, since `offset`. */
export function lastWords(path: string, offset: number): string[] {
  const lines = linesOf(read(path, offset, TAIL_BYTES))
  return lines.filter((line) => eventIn(line) === null && !line.startsWith('autoup: ')).slice(-LAST_WORDS)
}

/** The last `count` lines of a file, which may not be there, and where in it they end. Throws AutoupError `failed`. */
export function lastLines(path: string, count: number): { readonly lines: readonly string[]; readonly end: number } {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { lines: [], end: 0 }
    if (errnoOf(error) !== 'EACCES') throw error
    const message = `not permitted to read the log at ${path}: do this as the user that runs the service`
    throw new AutoupError('failed', message, { cause: error })
  }
  try {
    let end = fstatSync(fd).size
    let at = end
    let bytes = Buffer.alloc(0)
    let seen = 0
    // One line feed more than lines: that before the first of them.
    while (at > 0 && seen <= count) {
      const length = Math.min(CHUNK_BYTES, at)
      const chunk = Buffer.alloc(length)
      at -= length
      readSync(fd, chunk, 0, length, at)
      for (const byte of chunk) if (byte === LINE_FEED) seen++
      bytes = Buffer.concat([chunk, bytes])
    }
    // A line that is being written belongs to who follows.
    const whole = bytes.lastIndexOf(LINE_FEED) + 1
    end -= bytes.length - whole
    const lines = linesOf(bytes.toString('utf8', 0, whole))
    return { lines: count === 0 ? [] : lines.slice(-count), end }
  } finally {
    closeSync(fd)
  }
}

/** The event that this line is, or null. */
export function eventIn(line: string): Stamped | null {
  if (!line.startsWith('{"at":"')) return null
  try {
    const value = JSON.parse(line) as Partial<Stamped>
    return typeof value.type === 'string' && typeof value.sequence === 'number' ? (value as Stamped) : null
  } catch {
    return null
  }
}

const LINE_FEED = 10

function read(path: string, from: number, most: number): string {
  const fd = openSync(path, 'r')
  try {
    const { size } = fstatSync(fd)
    const at = Math.max(size < from ? 0 : from, size - most)
    const buffer = Buffer.alloc(size - at)
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, at))
  } finally {
    closeSync(fd)
  }
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n')
}
