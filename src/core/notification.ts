/**
 * What a worker says about itself, in the text of sd_notify(3): lines of `KEY=value`. The text comes from a process
 * that is not trusted, so it is bounded here, and nothing in it can reach a terminal as a control sequence. Unknown
 * keys and malformed numbers are ignored, as the manual asks; parsing never throws.
 */

import { printableLine } from './shown.ts'

export type Notification =
  | { readonly kind: 'ready' }
  | { readonly kind: 'status'; readonly text: string }
  | { readonly kind: 'stopping' }
  | { readonly kind: 'reloading' }
  | { readonly kind: 'watchdog' }
  /** The worker asks to be treated as if its watchdog had run out. */
  | { readonly kind: 'watchdog-trigger' }
  | { readonly kind: 'main-pid'; readonly pid: number }
  | { readonly kind: 'extend-timeout'; readonly ms: number }
  /** Answered by having been read: the sender waits until its descriptor is closed. */
  | { readonly kind: 'barrier' }

/** PID_MAX_LIMIT of a 64-bit kernel (proc_sys_kernel(5)). */
const PID_MAX = 4_194_304

/** One datagram, or one line of a stream. */
export function parseNotification(text: string): Notification[] {
  const found: Notification[] = []
  for (const line of text.split('\n')) {
    const equals = line.indexOf('=')
    if (equals <= 0) continue
    const notification = parseLine(line.slice(0, equals), line.slice(equals + 1))
    if (notification !== null) found.push(notification)
  }
  return found
}

function parseLine(key: string, value: string): Notification | null {
  switch (key) {
    case 'READY':
      return value === '1' ? { kind: 'ready' } : null
    case 'STOPPING':
      return value === '1' ? { kind: 'stopping' } : null
    case 'RELOADING':
      return value === '1' ? { kind: 'reloading' } : null
    case 'BARRIER':
      return value === '1' ? { kind: 'barrier' } : null
    case 'WATCHDOG':
      if (value === '1') return { kind: 'watchdog' }
      return value === 'trigger' ? { kind: 'watchdog-trigger' } : null
    case 'STATUS':
      return { kind: 'status', text: printableLine(value) }
    case 'MAINPID': {
      const pid = wholeNumber(value)
      return pid !== null && pid > 1 && pid <= PID_MAX ? { kind: 'main-pid', pid } : null
    }
    case 'EXTEND_TIMEOUT_USEC': {
      const microseconds = wholeNumber(value)
      return microseconds === null ? null : { kind: 'extend-timeout', ms: Math.ceil(microseconds / 1_000) }
    }
    default:
      return null
  }
}

function wholeNumber(text: string): number | null {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(value) ? value : null
}
