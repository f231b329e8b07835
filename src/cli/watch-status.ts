/**
 * `autoup status --watch`: the status of one or more services, kept true until somebody leaves or the last master ends.
 * Asked for anew after each event, and now and then for what has none, such as connections; the ages grow by
 * themselves. One of several that has ended may come back. With --json it is a line for each status that is another
 * one.
 */

import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { AutoupError } from '../core/errors.ts'
import type { Status } from '../core/status.ts'
import { hasColor, painter } from '../report/color.ts'
import { statusLines } from '../report/status-text.ts'
import { call, FROM_NOW_ON, follow, type MasterPlace } from './control-client.ts'
import type { Io } from './io.ts'

/** Events come in bursts. */
const SETTLE_MS = 50
const TICK_MS = 1_000
/** Connections and memory have no events, nor has a master that comes back. */
const ASK_EVERY_MS = 2_000

/** Throws AutoupError `not-running` when the last master ends, `usage` where there is no terminal. */
export async function watchOnScreen(masters: readonly MasterPlace[], io: Io): Promise<number> {
  const paint = painter(hasColor(true, io.env))
  const end = new AbortController()
  const shown = await firstOf(masters)
  const lines = (columns: number): string[] =>
    shown.flatMap((status, at) => [
      ...(at === 0 ? [] : ['']),
      ...(status
        ? statusLines(status, Date.now(), paint, columns)
        : [`${paint('bold', masters[at]?.name ?? '')}  ${paint('red', '● does not run')}`]),
    ])
  const redraw = (): void => screen?.draw(lines(screen.columns))
  const screen = await io.openScreen({ onLeave: () => end.abort(), onRedraw: redraw })
  if (screen === null) {
    throw new AutoupError('usage', '--watch is for a terminal: see `autoup events --follow`, or add --json')
  }
  const ticking = setInterval(redraw, TICK_MS)
  let last = lines(screen.columns)
  try {
    redraw()
    await keepTrue(masters, shown, end.signal, ASK_EVERY_MS, () => {
      if (shown.some((status) => status !== null)) last = lines(screen.columns)
      redraw()
    })
  } finally {
    clearInterval(ticking)
    screen.close()
    // What was seen last stays, as if it had been asked for once.
    io.stdout.write(`${last.join('\n')}\n`)
  }
  if (end.signal.aborted) return 0
  const names = masters.map(({ name }) => name)
  const what =
    names.length === 1
      ? `'${names[0]}' has ended: start it with \`autoup run\``
      : `${names.join(', ')} have ended: start them with \`autoup start\``
  throw new AutoupError('not-running', what)
}

/** Until the last master ends, or nobody reads any more. */
export async function watchAsJson(masters: readonly MasterPlace[], io: Io): Promise<number> {
  const before: string[] = []
  const print = (status: Status | null, at: number): void => {
    if (status === null) return
    const text = JSON.stringify(status)
    if (text !== before[at]) io.stdout.write(`${text}\n`)
    before[at] = text
  }
  const shown = await firstOf(masters)
  shown.forEach(print)
  await keepTrue(masters, shown, new AbortController().signal, null, print)
  return 0
}

/** Null for one that does not answer. Throws what the first says when none does. */
async function firstOf(masters: readonly MasterPlace[]): Promise<(Status | null)[]> {
  const asked = await Promise.allSettled(masters.map((master) => call<Status>(master, 'GET', '/status')))
  const [first] = asked
  if (first?.status === 'rejected' && asked.every(({ status }) => status === 'rejected')) throw first.reason
  return asked.map((each) => (each.status === 'fulfilled' ? each.value : null))
}

/** Puts each status into `shown` and tells it, null when that master has ended, until none runs or `signal` says so. */
async function keepTrue(
  masters: readonly MasterPlace[],
  shown: (Status | null)[],
  signal: AbortSignal,
  everyMs: number | null,
  tell: (status: Status | null, at: number) => void,
): Promise<void> {
  const end = new AbortController()
  const over = AbortSignal.any([signal, end.signal])
  // One for each service.
  setMaxListeners(0, over)
  const watch = async (master: MasterPlace, at: number): Promise<void> => {
    const put = (status: Status | null): void => {
      shown[at] = status
      tell(status, at)
    }
    while (!over.aborted) {
      await each(master, over, everyMs, put)
      if (over.aborted) return
      put(null)
      if (shown.every((status) => status === null)) end.abort()
      // Aborted: it is over.
      await sleep(ASK_EVERY_MS, undefined, { signal: over }).catch(() => undefined)
    }
  }
  try {
    await Promise.all(masters.map(watch))
  } finally {
    end.abort()
  }
}

/** Tells each status, until the master has ended, or was not there, or `signal` says so. */
async function each(
  master: MasterPlace,
  signal: AbortSignal,
  everyMs: number | null,
  tell: (status: Status) => void,
): Promise<void> {
  let isAsking = false
  let isStale = false
  const ask = async (): Promise<void> => {
    isStale = isAsking
    if (isAsking || signal.aborted) return
    isAsking = true
    // A master that ends says so by ending the events.
    const status = await call<Status>(master, 'GET', '/status').catch(() => null)
    isAsking = false
    if (status && !signal.aborted) tell(status)
    if (isStale) soon()
  }
  let settling: NodeJS.Timeout | undefined
  const soon = (): void => {
    settling ??= setTimeout(() => {
      settling = undefined
      void ask()
    }, SETTLE_MS)
  }
  const asking = everyMs === null ? undefined : setInterval(soon, everyMs)
  try {
    soon()
    for await (const _ of follow(master, { since: FROM_NOW_ON, follow: true, signal })) soon()
  } catch (error) {
    if (!(error instanceof AutoupError) || error.code !== 'not-running') throw error
  } finally {
    clearInterval(asking)
    clearTimeout(settling)
  }
}
