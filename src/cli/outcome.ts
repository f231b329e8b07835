/**
 * What came of a command: its exit status, and what a person is told of an error. A command without a name is for each
 * app of the configuration where there are several: what went wrong with one stops none of the others, and the exit
 * status is the worst.
 */

import { AutoupError, EXIT_STATUS, errnoOf, isMachineTrouble, messageOf } from '../core/errors.ts'
import type { Io } from './io.ts'

/**
 * A mistake of the user is one sentence, with the status of DESIGN.md section 5, and so is a machine that has no more
 * to give; a bug is a stack and 1.
 */
export function told(error: unknown, io: Pick<Io, 'stderr'>): number {
  if (error instanceof AutoupError) {
    io.stderr.write(`autoup: ${error.message}\n`)
    return EXIT_STATUS[error.code]
  }
  if (isMachineTrouble(errnoOf(error))) {
    const advice = 'free some, or raise the limit of this process (df, free, ulimit -a)'
    io.stderr.write(`autoup: the machine has no more of what this takes (${messageOf(error)}): ${advice}\n`)
    return EXIT_STATUS.failed
  }
  const what = error instanceof Error ? error.stack : error
  io.stderr.write(`autoup: this is a bug in autoup; please report it:\n${what}\n`)
  return 1
}

/** As `told`; where no master runs it also says who serves all the same. */
export async function toldInFull(error: unknown, io: Pick<Io, 'stderr'>): Promise<number> {
  if (!(error instanceof AutoupError) || error.code !== 'not-running') return told(error, io)
  const { directories } = error.data
  const { leftBehind } = await import('./left-behind.ts')
  const left = Array.isArray(directories) ? leftBehind(directories.map(String)) : null
  return told(left === null ? error : new AutoupError(error.code, `${error.message}; ${left}`), io)
}

/** The exit status when stdout takes no more; null, and nothing is told, where only nobody reads on. */
export function unwritten(error: Error, io: Pick<Io, 'stdout' | 'stderr'>): number | null {
  // A terminal that is gone is EIO.
  if (errnoOf(error) === 'EPIPE' || io.stdout.isTTY) return null
  return told(new AutoupError('failed', `the output cannot be written: ${messageOf(error)}`), io)
}

/** At the same time: what waits for workers. */
export async function atOnce<T>(items: readonly T[], io: Io, work: (item: T) => Promise<number>): Promise<number> {
  return Math.max(...(await Promise.all(items.map((item) => attempt(() => work(item), io)))))
}

/** In their order: what is read. */
export async function inTurn<T>(items: readonly T[], io: Io, work: (item: T) => Promise<number>): Promise<number> {
  let worst = 0
  for (const item of items) worst = Math.max(worst, await attempt(() => work(item), io))
  return worst
}

async function attempt(work: () => Promise<number>, io: Io): Promise<number> {
  try {
    return await work()
  } catch (error) {
    return await toldInFull(error, io)
  }
}
