/** The end of a command that goes on until somebody has seen enough: Ctrl-C, and what else ends processes politely. */

import { setMaxListeners } from 'node:events'

/** A terminal that goes away, Ctrl-C, and kill(1). */
export const ENDING_SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const

/** Aborted by the first of these signals; a command that follows then ends with 0, at the end of a line. */
export function toldToEnd(): AbortSignal {
  const ending = new AbortController()
  // One for each service that is followed.
  setMaxListeners(0, ending.signal)
  for (const signal of ENDING_SIGNALS) process.once(signal, () => ending.abort())
  return ending.signal
}
