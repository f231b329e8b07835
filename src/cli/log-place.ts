/** Where the log of a daemon is and how long it may get, and its umask, as its options say. */

import { resolve } from 'node:path'
import { parseSize } from '../core/duration.ts'
import { AutoupError } from '../core/errors.ts'
import type { Settings } from '../core/settings.ts'
import { storePaths } from '../store/layout.ts'
import { DEFAULT_KEEP, DEFAULT_SIZE } from './daemon-options.ts'
import { type Layers, optionReader } from './option-reader.ts'

export interface LogPlace {
  /** Absolute. */
  readonly path: string
  /** Longer than this it is rotated. */
  readonly bytes: number
  /** Old ones, `.1` being the youngest. */
  readonly keep: number
}

/** Below this a log is rotated all the time. */
const LEAST_BYTES = 4_096
const MOST_KEPT = 1_000
const DEFAULT_UMASK = 0o022

export function logPlace(layers: Layers, settings: Settings): LogPlace {
  const options = optionReader(layers)
  const usual = storePaths(settings.stateDir, settings.name).ownLog
  return {
    path: options.read('log-file', (text, base) => resolve(base, text), usual),
    bytes: options.read('log-size', size, parseSize(DEFAULT_SIZE)),
    keep: options.read('log-keep', kept, DEFAULT_KEEP),
  }
}

export function umaskGiven(layers: Layers): number {
  return optionReader(layers).read('umask', umask, DEFAULT_UMASK)
}

function size(text: string): number {
  const bytes = parseSize(text)
  if (bytes >= LEAST_BYTES) return bytes
  throw new AutoupError('usage', `'${text}' is too short for a log: the least is 4KiB`)
}

function kept(text: string): number {
  const value = Number(text)
  if (/^\d{1,4}$/.test(text) && value <= MOST_KEPT) return value
  throw new AutoupError('usage', `'${text}' is not a number of logs: write one from 0 to ${MOST_KEPT}`)
}

function umask(text: string): number {
  if (/^0?[0-7]{3}$/.test(text)) return Number.parseInt(text, 8)
  throw new AutoupError('usage', `'${text}' is not a umask: write three octal digits, such as 022 or 027`)
}
