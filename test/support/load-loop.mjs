/**
 * What every load has in common, in the process of its own that load.ts starts: the clock by which requests are due,
 * the report that is told over the IPC channel every 50 ms, and the end: when it is told to, when its count or time is
 * used up, or when the channel closes.
 */

import { performance } from 'node:perf_hooks'

const REPORT_EVERY_MS = 50
const KEPT_FAILURES = 500

export const options = JSON.parse(process.argv[2])
const identify = new RegExp(options.identify)

export const report = {
  sent: 0,
  answered: 0,
  failed: 0,
  kinds: { refused: 0, reset: 0, raced: 0, cut: 0, timeout: 0, status: 0, malformed: 0 },
  failures: [],
  slowestMs: 0,
  slowestAt: 0,
  /** Kept connections that the server ended while no request was on them: no failure. */
  idleClosed: 0,
  /** Of HTTP/2: given to another session, since nobody had seen them when GOAWAY came. */
  moved: 0,
  connections: 0,
  versions: {},
  startedAt: now(),
  isDone: false,
}

let newDebt = 0

/** Milliseconds of wall time, with fractions, that never step back. */
export function now() {
  return performance.timeOrigin + performance.now()
}

/** Whether the next request is to have a connection of its own. */
export function isNextNew() {
  newDebt += options.newShare
  if (newDebt < 1) return false
  newDebt--
  return true
}

/** `text`: all of the answer. */
export function answered(dueAt, text) {
  const at = now()
  report.answered++
  const took = at - dueAt
  if (took > report.slowestMs) {
    report.slowestMs = took
    report.slowestAt = at
  }
  const name = identify.exec(text)?.[1] ?? 'unknown'
  report.versions[name] ??= { answered: 0, firstAt: at, lastAt: at }
  const version = report.versions[name]
  version.answered++
  version.lastAt = at
}

export function failed(kind, detail, dueAt, port) {
  report.failed++
  report.kinds[kind]++
  if (report.failures.length < KEPT_FAILURES) {
    report.failures.push({ kind, detail, at: now(), sentAt: dueAt, port: port ?? null })
  }
}

/**
 * `send(dueAt)` is called for each request when it is due. At the end nothing more is sent: `rest()` is called once,
 * then `isQuiet()` until it says so or the time for answers is up, then `giveUp()`, for which what is left has failed.
 */
export function openLoop({ send, rest, isQuiet, giveUp }) {
  let isStopping = false

  function tick() {
    const elapsed = now() - report.startedAt
    const isOver = report.sent >= options.maxRequests || elapsed >= options.maxMs
    if (isOver) return stop()
    while (report.sent < options.maxRequests && (report.sent * 1_000) / options.rate <= elapsed) {
      const dueAt = report.startedAt + (report.sent * 1_000) / options.rate
      report.sent++
      send(dueAt)
    }
  }

  function stop() {
    if (isStopping) return
    isStopping = true
    clearInterval(ticking)
    rest()
    const deadline = now() + options.timeoutMs
    const finishing = setInterval(() => {
      if (!isQuiet() && now() < deadline) return
      clearInterval(finishing)
      clearInterval(reporting)
      giveUp()
      report.isDone = true
      process.send?.(report, () => process.disconnect())
    }, 5)
  }

  const ticking = setInterval(tick, 1)
  const reporting = setInterval(() => process.send?.(report), REPORT_EVERY_MS)
  process.on('message', stop)
  process.on('disconnect', () => process.exit())
  process.on('SIGINT', () => {})
}
