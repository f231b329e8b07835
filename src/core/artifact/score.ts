/**
 * What decides between files that all run here: rank first (what is certain), then whether a file is of the base
 * program, then what is liked better of one program. The score is these three in one number, to be shown.
 */

import { type Fit, MAX_LIKING } from './fit.ts'
import type { Traits } from './traits.ts'

export interface ArtifactCandidate {
  readonly name: string
  /** More is better; 0 is no candidate. Only to be compared within one answer. */
  readonly score: number
  readonly reasons: readonly string[]
}

/** A file that runs here. */
export interface Runner {
  readonly traits: Traits
  readonly fit: Fit
  /** 2 for the preferred program, 1 for the project's own. */
  readonly isAsked: number
  readonly isSticky: boolean
}

/** Sticky, asked for, operating system, architecture, C library: each decides before the next one. */
export function rank({ isSticky, isAsked, fit }: Runner): number {
  return [isSticky ? 1 : 0, isAsked, fit.os, fit.arch, fit.libc].reduce((sum, part) => sum * 4 + part, 0)
}

/** `winner` is what was chosen, or null where nothing was. */
export function toCandidate(runner: Runner, winner: Runner | null): ArtifactCandidate {
  const { traits, fit, isAsked, isSticky } = runner
  const isBase = winner !== null && rank(runner) === rank(winner) && keyOf(traits) === keyOf(winner.traits)
  const isChosen = runner === winner
  const reasons = [
    ...(isSticky ? ['the shape that was chosen last time'] : []),
    ...(isAsked > 0 ? [isAsked === 2 ? 'the program that is asked for' : 'named like the project'] : []),
    ...fit.reasons,
    ...(winner === null || isChosen ? [] : [`but ${whyNot(runner, winner)}`]),
  ]
  const score =
    SCORE_OF_RANK * (rank(runner) + 1) + (isBase ? SCORE_OF_RANK / 2 : 0) + fit.liking * 2 + (isChosen ? 1 : 0)
  return { name: traits.name, score, reasons }
}

/** The first thing in which it comes after the chosen one. */
function whyNot(runner: Runner, winner: Runner): string {
  const [own, best] = [runner.fit, winner.fit]
  if (winner.isSticky !== runner.isSticky) return 'not of the shape that was chosen last time'
  if (winner.isAsked !== runner.isAsked)
    return `another program is ${winner.isAsked === 2 ? 'asked for' : 'named like the project'}`
  if (best.os !== own.os) return 'another file says its system more plainly'
  if (best.arch !== own.arch) return 'another file fits the architecture better'
  if (best.libc !== own.libc) return 'another file fits the C library better'
  if (keyOf(runner.traits) !== keyOf(winner.traits))
    return `a program or variant of its own (${runner.traits.program.join('-')})`
  if (best.liking !== own.liking) return 'another build or format of the same is liked better'
  return 'the same, for a newer system or under another name'
}

/** Half of it is more than what the liking and the choice add. */
const SCORE_OF_RANK = 8 * (MAX_LIKING + 1)

/** The program whose words all others begin with (`app` before `app-debug`), or null when there is none such. */
export function baseOf(runners: readonly Runner[]): string | null {
  const shortest = runners.map(({ traits }) => traits).sort(byProgram)[0] as Traits
  const isBase = runners.every(
    ({ traits }) =>
      keyOf(traits) === keyOf(shortest) || shortest.program.every((word, at) => traits.program[at] === word),
  )
  return isBase ? keyOf(shortest) : null
}

export function keyOf({ program }: Traits): string {
  return program.join('')
}

export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

export function byLength(a: string, b: string): number {
  return a.length - b.length || byText(a, b)
}

function byProgram(a: Traits, b: Traits): number {
  return a.program.length - b.program.length || byText(a.program.join(' '), b.program.join(' '))
}

export function byNumbers(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split('.').map(Number)) as [number[], number[]]
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const order = (left[at] ?? 0) - (right[at] ?? 0)
    if (order !== 0 && !Number.isNaN(order)) return order
  }
  return byText(a, b)
}
