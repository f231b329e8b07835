/**
 * A command without a name where the configuration has several apps: it is done for each of them. What went wrong with
 * one is told and stops none of the others; the exit status is the worst. With one app it is that of the command.
 */

import type { Io } from './io.ts'
import { told } from './told.ts'

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
    return told(error, io)
  }
}
