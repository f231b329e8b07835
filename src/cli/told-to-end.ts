/** The end of a command that goes on until somebody has seen enough: Ctrl-C, and what else ends processes politely. */

/** Aborted by the first of these signals; a command that follows then ends with 0, at the end of a line. */
export function toldToEnd(): AbortSignal {
  const ending = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => ending.abort())
  return ending.signal
}
