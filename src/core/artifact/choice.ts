/**
 * Which of a release's files is for this machine? A pure function from the names to a choice or a refusal, with a
 * reason for every name. In this order: what the operator asked for, the shape that was taken last time, the
 * operating system, the architecture, the C library, the program, and then, among files of one program, the kind of
 * build and the format. Files of different programs that fit equally well are a refusal, never a guess.
 *
 * The order in which names come does not matter, and names are hostile: nothing here throws, or takes long unless the
 * operator's own pattern does.
 */

import { messageOf } from '../errors.ts'
import { type ArtifactPlatform, fitOf } from './fit.ts'
import { nothingFits, tied } from './refusal.ts'
import {
  type ArtifactCandidate,
  baseOf,
  byLength,
  byNumbers,
  byText,
  keyOf,
  type Runner,
  rank,
  toCandidate,
} from './score.ts'
import { shapeOf } from './shape.ts'
import { readTraits, type Traits } from './traits.ts'
import { squeeze } from './words.ts'

export interface ArtifactHints {
  /** `owner/app` or `app`: its files come before those of other programs. */
  readonly project?: string
  /** The program that is wanted; comes before `project`. */
  readonly preferName?: string
  /** Only names that contain this, letter for letter. */
  readonly match?: string
  /** Only names that this regular expression of the operator's finds something in; `(?i)` may stand before it. */
  readonly matchRegex?: string
  /** Only archives of several files. */
  readonly archiveOnly?: boolean
  /** The version of this release, where it has one. */
  readonly version?: string
  /** The shape of what was chosen last time, by `shapeOf`. */
  readonly shape?: string
}

export interface ArtifactChoice {
  readonly choice: string | null
  /** Every name once, the best first. */
  readonly candidates: readonly ArtifactCandidate[]
  /** Why there is no choice and what to do, one sentence; null when there is one. */
  readonly refusal: string | null
}

export function chooseArtifact(
  names: readonly string[],
  platform: ArtifactPlatform,
  hints: ArtifactHints = {},
): ArtifactChoice {
  const all = [...new Set(names)].sort(byText)
  const programs = [hints.preferName, hints.project].map(programOf).filter((program) => program !== '')
  const traits = readTraits(all, programs, hints.version ?? null)
  const saysPlatforms = traits.some(({ os, archs }) => os !== null || archs.size > 0)
  const pattern = hints.matchRegex === undefined ? null : compile(hints.matchRegex)
  const preferred = [hints.match, hints.preferName].map(programOf)
  const project = programOf(hints.project)

  const runners: Runner[] = []
  const rejected: ArtifactCandidate[] = []
  for (const each of traits) {
    const not = each.never ?? unwanted(each, hints, pattern)
    const fit = not === null ? fitOf(each, platform, { saysPlatforms }) : { not }
    if ('not' in fit) rejected.push({ name: each.name, score: 0, reasons: [fit.not] })
    else {
      const isAsked = asked(each, preferred, project)
      runners.push({ traits: each, fit, isAsked, isSticky: isSticky(each, hints) })
    }
  }
  if (pattern !== null && 'problem' in pattern) {
    return refuse(rejected, runners, `the pattern '${hints.matchRegex}' cannot be read: ${pattern.problem}`)
  }
  if (runners.length > 0) return decide(runners, rejected, platform)
  const programsOnly = traits.filter(({ never }) => never === null).map(({ name }) => name)
  return refuse(rejected, runners, nothingFits(programsOnly, all, platform))
}

function decide(
  runners: readonly Runner[],
  rejected: readonly ArtifactCandidate[],
  platform: ArtifactPlatform,
): ArtifactChoice {
  const best = highest(runners.map(rank))
  const first = runners.filter((runner) => rank(runner) === best)
  const base = baseOf(first)
  if (base === null) return refuse(rejected, runners, tied(namesOf(first), platform, 'of different programs'))
  const own = first.filter(({ traits }) => keyOf(traits) === base)
  const liked = highest(own.map(({ fit }) => fit.liking))
  const last = own.filter(({ fit }) => fit.liking === liked)
  const oldest = last.map(({ traits }) => traits.systemVersion).sort(byNumbers)[0] ?? ''
  const left = last.filter(({ traits }) => traits.systemVersion === oldest)
  if (new Set(left.map(({ traits }) => traits.versions.join(' ')).filter(Boolean)).size > 1) {
    return refuse(rejected, runners, tied(namesOf(left), platform, 'of different versions'))
  }
  const winner = [...left].sort((a, b) => byLength(a.traits.name, b.traits.name))[0] as Runner
  return { choice: winner.traits.name, candidates: listed(runners, rejected, winner), refusal: null }
}

function refuse(rejected: readonly ArtifactCandidate[], runners: readonly Runner[], refusal: string): ArtifactChoice {
  return { choice: null, candidates: listed(runners, rejected, null), refusal }
}

function listed(
  runners: readonly Runner[],
  rejected: readonly ArtifactCandidate[],
  winner: Runner | null,
): ArtifactCandidate[] {
  const candidates = runners.map((runner) => toCandidate(runner, winner))
  return [...candidates.sort((a, b) => b.score - a.score || byText(a.name, b.name)), ...rejected]
}

function unwanted(
  { name, format }: Traits,
  hints: ArtifactHints,
  pattern: RegExp | { readonly problem: string } | null,
): string | null {
  if (hints.match !== undefined && !name.includes(hints.match)) return `does not contain '${hints.match}'`
  if (pattern !== null && ('problem' in pattern || !pattern.test(name))) return `does not match '${hints.matchRegex}'`
  if (hints.archiveOnly && format.kind !== 'archive') return 'not an archive'
  return null
}

function compile(source: string): RegExp | { readonly problem: string } {
  const [, flags, pattern = ''] = /^(?:\(\?(i)\))?(.*)$/s.exec(source) ?? []
  try {
    return new RegExp(pattern, flags ?? '')
  } catch (error) {
    return { problem: messageOf(error) }
  }
}

function programOf(hint: string | undefined): string {
  return squeeze((hint ?? '').slice(0, 200).replace(/^.*\//s, ''))
}

function asked(traits: Traits, preferred: readonly string[], project: string): number {
  const key = keyOf(traits)
  return key === '' ? 0 : preferred.includes(key) ? 2 : key === project ? 1 : 0
}

function isSticky({ name }: Traits, { shape, version }: ArtifactHints): boolean {
  return shape !== undefined && shapeOf(name, version ?? null) === shape
}

/** Not Math.max: a hostile release has more names than a call takes arguments. */
function highest(numbers: readonly number[]): number {
  return numbers.reduce((most, number) => Math.max(most, number), 0)
}

function namesOf(runners: readonly Runner[]): string[] {
  return runners.map(({ traits }) => traits.name).sort(byText)
}

export type { ArtifactCandidate, ArtifactPlatform }
