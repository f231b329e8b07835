/** A master that was killed and the one that follows: the marks of a change that no client has seen. */

import { expect } from 'vitest'
import { type Load, type LoadReport, summary } from './load.ts'
import type { Master, Of } from './master.ts'
import { isAlive, readProcess } from './processes.ts'
import { until } from './until.ts'

/** For LoadOptions.identify: who answers. Generations begin anew with each master, pids do not. */
export const BY_PID = /"pid":"?(\d+)/

/** Waits until the load has had `count` answers more. */
export function answersMore(load: Load, count: number): Promise<LoadReport> {
  const from = load.report().answered
  return load.waitFor((report) => report.answered >= from + count, `${count} answers more`)
}

/** No request has failed; says what the masters did when one has. */
export async function expectNoneFailed(load: Load, ...masters: Master[]): Promise<LoadReport> {
  const report = await load.stop()
  expect(report.failed, [summary(report), ...masters.map((master) => master.story())].join('\n')).toBe(0)
  return report
}

/** The next master has the listener of the last one, and knew of its workers. */
export async function expectTakenBack(master: Master, orphans: readonly number[]): Promise<void> {
  const found = await master.next('orphans-found')
  expect([...found.pids].sort()).toEqual([...orphans].sort())
  for (const event of listening(master)) expect(event).toMatchObject({ how: 'taken-back' })
  expect(listening(master)).not.toHaveLength(0)
}

/** The orphans have ended, each because it was asked to. */
export async function expectRelieved(master: Master, orphans: readonly number[]): Promise<void> {
  await until(`the orphans ${orphans.join(', ')} have ended`, () => orphans.every((pid) => !isAlive(pid)), 20_000)
  expect(master.events.filter(({ type }) => type === 'worker-killed')).toEqual([])
}

/** The pids of the workers that a master has started and that still run. */
export function workersOf(master: Master): number[] {
  const started = master.events.flatMap((event) => (event.type === 'worker-started' ? [event.pid] : []))
  return started.filter((pid) => isAlive(pid))
}

/** A child process of the master, not a thread of it, that is there already. */
export function isChildOf(pid: number, master: Master): boolean {
  return readProcess(pid)?.parent === master.pid
}

function listening(master: Master): Of<'listening'>[] {
  return master.events.filter((event): event is Of<'listening'> => event.type === 'listening')
}
