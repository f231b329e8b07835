/**
 * What the master says to its own supervisor (sd_notify(3)): READY when the first build serves, a STATUS that a person
 * can read, RELOADING, STOPPING, and WATCHDOG where one is set for it (sd_watchdog_enabled(3)). While it boots, fetches
 * the first build or drains, it asks for time again and again: each of these ends at a deadline of its own, and an idle
 * master that has nothing to serve asks for none, so that its start fails as it should. Loaded only where there is a
 * NOTIFY_SOCKET, and ends with the master.
 */

import { messageOf } from '../core/errors.ts'
import type { AutoupEvent } from '../core/events.ts'
import type { State } from '../core/state.ts'
import type { MasterState, Standing } from '../core/status.ts'
import { isNotifyAddress, sendNotification } from '../system/notify-sender.ts'
import { standingOf } from './control/to-status.ts'

export interface Voice {
  /** Says what is new about this state. */
  follow(state: State): void
  /** Says what happened, where that is of interest. */
  note(event: AutoupEvent): void
  /** Says nothing any more. */
  close(): void
}

export interface VoiceContext {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly line: (standing: Standing) => string
  readonly warn: (message: string) => void
}

/** What is asked for, and how often: a turn of the loop that takes long is no reason to be ended. */
const EXTENSION_USEC = 60_000_000
const EXTEND_EVERY_MS = 15_000
/** A check that fails comes again and again, and is no reason to wait for ever. */
const IDLE: ReadonlySet<MasterState> = new Set(['idle', 'checking', 'staged'])
/** The receiver had no room. */
const RETRY_MS = 100

/** From the environment that the master was started with. */
export function openVoice({ env, line, warn }: VoiceContext): Voice {
  const address = env.NOTIFY_SOCKET ?? ''
  if (!isNotifyAddress(address)) {
    warn(`NOTIFY_SOCKET is '${address}', which is no unix socket: whoever started this is told nothing`)
    return { follow: () => undefined, note: () => undefined, close: () => undefined }
  }
  const outbox = newOutbox(address, warn)
  let isBusy = true
  let isReady = false
  let isStopping = false
  let told = ''

  const extend = (): void => {
    if (isBusy) outbox.offer(`EXTEND_TIMEOUT_USEC=${EXTENSION_USEC}`)
  }
  const timers = [setInterval(extend, EXTEND_EVERY_MS)]
  const watchdogMs = watchdogMsOf(env)
  if (watchdogMs !== null) timers.push(setInterval(() => outbox.offer('WATCHDOG=1'), watchdogMs / 2))
  extend()

  return {
    follow(state) {
      const standing = standingOf(state)
      const wasBusy = isBusy
      if (!isStopping && state.stop !== null) {
        isStopping = true
        outbox.post('STOPPING=1')
      }
      if (!isReady && !isStopping && state.serving?.isEstablished === true) {
        isReady = true
        outbox.post(`READY=1\nMAINPID=${process.pid}`)
      }
      isBusy = isStopping || (!isReady && !IDLE.has(standing.state))
      if (isBusy && !wasBusy) extend()
      const status = `STATUS=${line(standing)}`
      if (status !== told) outbox.post(status)
      told = status
    },
    note({ type }) {
      if (!isReady || isStopping) return
      // CLOCK_MONOTONIC is what hrtime reads too.
      if (type === 'reload-started') outbox.post(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`)
      if (type === 'reload-finished') outbox.post('READY=1')
    },
    close() {
      for (const timer of timers) clearInterval(timer)
      outbox.close()
    },
  }
}

interface Outbox {
  /** Arrives, in order, unless a later one of its kind takes its place first. */
  post(message: string): void
  /** Now or never: another one follows. */
  offer(message: string): void
  close(): void
}

function newOutbox(address: string, warn: (message: string) => void): Outbox {
  let waiting: string[] = []
  let timer: NodeJS.Timeout | null = null
  let isTroubled = false
  const isTaken = (message: string): boolean => {
    try {
      const isSent = sendNotification(address, message)
      isTroubled = false
      return isSent
    } catch (error) {
      if (!isTroubled) warn(`${address} takes no notifications: ${messageOf(error)}`)
      isTroubled = true
      // Nobody is there: what was to be said is of no use later.
      return true
    }
  }
  const flush = (): void => {
    timer = null
    while (waiting[0] !== undefined && isTaken(waiting[0])) waiting.shift()
    if (waiting.length > 0) timer = setTimeout(flush, RETRY_MS)
  }
  return {
    post(message) {
      if (message.startsWith('STATUS=')) waiting = waiting.filter((each) => !each.startsWith('STATUS='))
      waiting.push(message)
      if (timer === null) flush()
    },
    offer: (message) => void isTaken(message),
    close() {
      if (timer !== null) clearTimeout(timer)
    },
  }
}

/** Null where nobody watches this process: the variable may be that of a parent. */
function watchdogMsOf({ WATCHDOG_USEC: usec = '', WATCHDOG_PID: pid }: VoiceContext['env']): number | null {
  if (!/^[1-9]\d{0,14}$/.test(usec) || (pid !== undefined && pid !== String(process.pid))) return null
  return Number(usec) / 1_000
}
