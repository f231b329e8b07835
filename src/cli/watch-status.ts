/**
 * `autoup status --watch`: the status, kept true until somebody leaves or the master ends. Asked for anew after each
 * event, and now and then for what has none, such as connections; the ages grow by themselves. With --json it is a line
 * for each status that is another one.
 */

import { AutoupError } from '../core/errors.ts'
import type { Status } from '../core/status.ts'
import { hasColor, painter } from '../report/color.ts'
import { statusLines, statusText } from '../report/status-text.ts'
import { call, FROM_NOW_ON, follow, type MasterPlace } from './control-client.ts'
import type { Io } from './io.ts'

/** Events come in bursts. */
const SETTLE_MS = 50
const TICK_MS = 1_000
/** Connections and memory have no events. */
const ASK_EVERY_MS = 2_000

/** Throws AutoupError `not-running` when the master ends, `usage` where there is no terminal. */
export async function watchOnScreen(master: MasterPlace, io: Io): Promise<number> {
  const paint = painter(hasColor(true, io.env))
  const end = new AbortController()
  let status = await call<Status>(master, 'GET', '/status')
  const redraw = (): void => screen?.draw(statusLines(status, Date.now(), paint, screen.columns))
  const screen = await io.openScreen({ onLeave: () => end.abort(), onRedraw: redraw })
  if (screen === null) {
    throw new AutoupError('usage', '--watch is for a terminal: see `autoup events --follow`, or add --json')
  }
  const ticking = setInterval(redraw, TICK_MS)
  try {
    redraw()
    await each(master, end.signal, ASK_EVERY_MS, (next) => {
      status = next
      redraw()
    })
  } finally {
    clearInterval(ticking)
    screen.close()
    // What was seen last stays, as if it had been asked for once.
    io.stdout.write(statusText(status, Date.now(), paint, screen.columns))
  }
  if (end.signal.aborted) return 0
  throw new AutoupError('not-running', `'${master.name}' has ended: start it with \`autoup run\``)
}

/** Until the master ends, or nobody reads any more. */
export async function watchAsJson(master: MasterPlace, io: Io): Promise<number> {
  let before = ''
  const print = (status: Status): void => {
    const text = JSON.stringify(status)
    if (text !== before) io.stdout.write(`${text}\n`)
    before = text
  }
  print(await call<Status>(master, 'GET', '/status'))
  await each(master, new AbortController().signal, null, print)
  return 0
}

/** Tells each status, until the master has ended or `signal` says so. */
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
    for await (const _ of follow(master, { since: FROM_NOW_ON, follow: true, signal })) soon()
  } finally {
    clearInterval(asking)
    clearTimeout(settling)
  }
}
