/**
 * The lines of a daemon's log for a person. Events that the master wrote there as JSON are shown as sentences, what the
 * workers print as it is.
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { AutoupError, errnoOf } from '../core/errors.ts'
import type { Stamped } from '../core/events.ts'
import type { Paint } from '../report/color.ts'
import { prettyLine } from '../report/pretty.ts'

const CHUNK_BYTES = 64 * 1024
/** As many of the app's last lines say why it did not start. */
const LAST_WORDS = 15
/** Of as much of the end of a log these are looked for. */
const TAIL_BYTES = 256 * 1024
/** A longer line is shown in pieces. */
const LINE_BYTES = 1024 * 1024
const LINE_FEED = 10

/**
 * What the workers have printed last, since `offset`; before it what autoup says in them, each sentence once, however
 * much came after it. `verdict` is told by whoever asks.
 */
export function lastWords(path: string, offset: number, verdict: string): string[] {
  const lines = linesOf(read(path, offset, TAIL_BYTES)).filter((line) => eventIn(line) === null)
  const isOurs = (line: string): boolean => line.startsWith('autoup: ')
  const advice = new Set(lines.filter((line) => isOurs(line) && line !== `autoup: ${verdict}`))
  return [...advice, ...lines.filter((line) => !isOurs(line)).slice(-LAST_WORDS)]
}

/** A part of a file, from one byte to before another. */
export interface Range {
  readonly from: number
  readonly end: number
}

/**
 * Where the last `count` whole lines of a file are, and how many there are; of one that is not there, none. However
 * long it is, no more of it is held than a piece. Throws AutoupError `failed`.
 */
export function findLastLines(path: string, count: number): Range & { readonly count: number } {
  return withFile(path, { from: 0, end: 0, count: 0 }, (fd) => {
    const chunk = Buffer.alloc(CHUNK_BYTES)
    let from = fstatSync(fd).size
    // A line that is being written belongs to who follows.
    let end = 0
    let seen = 0
    for (let at = from; at > 0; ) {
      const length = Math.min(CHUNK_BYTES, at)
      at -= length
      const bytes = chunk.subarray(0, readSync(fd, chunk, 0, length, at))
      for (let feed = bytes.lastIndexOf(LINE_FEED); feed >= 0; feed = before(bytes, feed)) {
        if (seen === 0) end = at + feed + 1
        from = at + feed + 1
        // One line feed more than lines: that before the first of them.
        if (seen === count) return { from, end, count }
        seen++
      }
    }
    return { from: 0, end, count: seen }
  })
}

/** Each line of this part of a file. */
export function readLines(path: string, { from, end }: Range, onLine: (line: string) => void): void {
  withFile(path, undefined, (fd) => {
    const take = lineSplitter(onLine)
    const chunk = Buffer.alloc(CHUNK_BYTES)
    for (let at = from; at < end; ) {
      const read = readSync(fd, chunk, 0, Math.min(CHUNK_BYTES, end - at), at)
      if (read === 0) return
      take(chunk.subarray(0, read))
      at += read
    }
  })
}

/** Takes the bytes of a log as they come; what has no line feed for too long is cut. */
export function lineSplitter(onLine: (line: string) => void): (bytes: Buffer) => void {
  let rest = Buffer.alloc(0)
  return (bytes) => {
    const lines = Buffer.concat([rest, bytes])
    let at = 0
    for (let feed = lines.indexOf(LINE_FEED); feed >= 0; feed = lines.indexOf(LINE_FEED, at)) {
      onLine(lines.toString('utf8', at, feed))
      at = feed + 1
    }
    rest = lines.subarray(at)
    if (rest.length < LINE_BYTES) return
    onLine(rest.toString('utf8'))
    rest = Buffer.alloc(0)
  }
}

/** To be closed by the caller; null: there is none. Throws AutoupError `failed`. */
export function openIfThere(path: string): number | null {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    if (errnoOf(error) !== 'EACCES') throw error
    const message = `not permitted to read the log at ${path}: do this as the user that runs the service`
    throw new AutoupError('failed', message, { cause: error })
  }
}

/** A line for a person: an event as a sentence, anything else as it is, also what only looks like an event. */
export function shownLine(line: string, paint: Paint): string {
  const event = eventIn(line)
  if (event === null) return line
  try {
    return prettyLine(event, paint)
  } catch {
    return line
  }
}

/** The event that this line is, or null. */
function eventIn(line: string): Stamped | null {
  if (!line.startsWith('{"at":"')) return null
  try {
    const value = JSON.parse(line) as Partial<Stamped>
    return typeof value.type === 'string' && typeof value.sequence === 'number' ? (value as Stamped) : null
  } catch {
    return null
  }
}

/** Where the line feed before this one is; -1: none. */
function before(bytes: Buffer, feed: number): number {
  return feed === 0 ? -1 : bytes.lastIndexOf(LINE_FEED, feed - 1)
}

function withFile<T>(path: string, otherwise: T, work: (fd: number) => T): T {
  const fd = openIfThere(path)
  if (fd === null) return otherwise
  try {
    return work(fd)
  } finally {
    closeSync(fd)
  }
}

function read(path: string, from: number, most: number): string {
  return withFile(path, '', (fd) => {
    const { size } = fstatSync(fd)
    const at = Math.max(size < from ? 0 : from, size - most)
    const buffer = Buffer.alloc(size - at)
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, at))
  })
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n')
}
