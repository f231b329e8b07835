/**
 * Which of a release's files is for this machine? A pure function from the names to a choice or a refusal, with a
 * reason for every name. In this order: what the operator asked for, the shape that was taken last time, the
 * operating system, the architecture, the C library, the program, and then, among files of one program, the kind of
 * build and the format. Files of different programs that fit equally well are a refusal, never a guess.
 *
 * The order in which names come does not matter, and names are hostile: nothing here throws or takes long.
 */

import { type ArtifactPlatform, type Fit, fitOf, osName } from './artifact-fit.ts'
import { shapeOf } from './artifact-shape.ts'
import { readTraits, type Traits } from './artifact-traits.ts'
import { squeeze } from './artifact-words.ts'
import { compilePattern, type Pattern } from './pattern.ts'

export interface ArtifactHints {
  /** `owner/app` or `app`: its files come before those of other programs. */
  readonly project?: string
  /** The program that is wanted; comes before `project`. */
  readonly preferName?: string
  /** Only names that contain this, letter for letter. */
  readonly match?: string
  /** Only names that this finds something in (pattern.ts). */
  readonly matchRegex?: string
  /** Only archives of several files. */
  readonly archiveOnly?: boolean
  /** The version of this release, where it has one. */
  readonly version?: string
  /** The shape of what was chosen last time, by `shapeOf`. */
  readonly shape?: string
}

export interface ArtifactCandidate {
  readonly name: string
  /** More is better; 0 is no candidate. Only to be compared within one answer. */
  readonly score: number
  readonly reasons: readonly string[]
}

export interface ArtifactChoice {
  readonly choice: string | null
  /** Every name once, the best first. */
  readonly candidates: readonly ArtifactCandidate[]
  /** Why there is no choice and what to do, one sentence; null when there is one. */
  readonly refusal: string | null
}

interface Runner {
  readonly traits: Traits
  readonly fit: Fit
  /** 2 for the preferred program, 1 for the project's own. */
  readonly isAsked: number
  readonly isSticky: boolean
}

export function chooseArtifact(
  names: readonly string[],
  platform: ArtifactPlatform,
  hints: ArtifactHints = {},
): ArtifactChoice {
  const all = [...new Set(names)].sort(byText)
  const programs = [hints.preferName, hints.project].map(programOf)
  const pattern = hints.matchRegex === undefined ? null : compilePattern(hints.matchRegex)
  const traits = readTraits(
    all,
    programs.filter((program) => program !== ''),
    hints.version ?? null,
  )
  const saysPlatforms = traits.some(({ os, archs }) => os !== null || archs.size > 0)

  const runners: Runner[] = []
  const rejected: ArtifactCandidate[] = []
  for (const each of traits) {
    const not = each.never ?? unwanted(each, hints, pattern)
    const fit = not === null ? fitOf(each, platform, { saysPlatforms }) : { not }
    if ('not' in fit) rejected.push({ name: each.name, score: 0, reasons: [fit.not] })
    else
      runners.push({
        traits: each,
        fit,
        isAsked: asked(each, [hints.match, hints.preferName].map(programOf), programOf(hints.project)),
        isSticky: isSticky(each, hints),
      })
  }
  if (pattern !== null && 'problem' in pattern) {
    return refuse(rejected, runners, `the pattern '${hints.matchRegex}' cannot be read: ${pattern.problem}`)
  }
  return decide(runners, rejected, platform, all.length)
}

function decide(
  runners: readonly Runner[],
  rejected: readonly ArtifactCandidate[],
  platform: ArtifactPlatform,
  total: number,
): ArtifactChoice {
  if (runners.length === 0) return refuse(rejected, runners, nothing(rejected, platform, total))
  const best = Math.max(...runners.map(rank))
  const first = runners.filter((runner) => rank(runner) === best)
  const base = baseOf(first)
  if (base === null) return refuse(rejected, runners, tie(first, platform, 'of different programs'))
  const own = first.filter(({ traits }) => keyOf(traits) === base)
  const liked = Math.max(...own.map(({ fit }) => fit.liking))
  const last = own.filter(({ fit }) => fit.liking === liked)
  const oldest = last.map(({ traits }) => traits.systemVersion).sort(byNumbers)[0] ?? ''
  const left = last.filter(({ traits }) => traits.systemVersion === oldest)
  if (new Set(left.map(({ traits }) => traits.versions.join(' ')).filter(Boolean)).size > 1) {
    return refuse(rejected, runners, tie(left, platform, 'of different versions'))
  }
  const chosen = left.map(({ traits }) => traits.name).sort(byLength)[0] as string
  const candidates = [...runners]
    .map((runner) => toCandidate(runner, { base, chosen, isFirst: rank(runner) === best }))
    .sort((a, b) => b.score - a.score || byText(a.name, b.name))
  return { choice: chosen, candidates: [...candidates, ...rejected], refusal: null }
}

/** Sticky, asked for, operating system, architecture, C library: each decides before the next one. */
function rank({ isSticky, isAsked, fit }: Runner): number {
  return [isSticky ? 1 : 0, isAsked, fit.os, fit.arch, fit.libc].reduce((sum, part) => sum * 4 + part, 0)
}

function toCandidate(
  runner: Runner,
  { base, chosen, isFirst }: { base: string | null; chosen: string | null; isFirst: boolean },
): ArtifactCandidate {
  const { traits, fit, isAsked, isSticky } = runner
  const isBase = isFirst && keyOf(traits) === base
  const reasons = [
    ...(isSticky ? ['the shape that was chosen last time'] : []),
    ...(isAsked > 0 ? [isAsked === 2 ? 'the program that is asked for' : 'named like the project'] : []),
    ...fit.reasons,
    ...(isFirst && base !== null && !isBase ? [`another program or variant: ${traits.program.join('-')}`] : []),
  ]
  const score = rank(runner) * SCORE_OF_RANK + (isBase ? SCORE_OF_RANK / 2 : 0) + fit.liking * 2
  return { name: traits.name, score: score + (traits.name === chosen ? 1 : 0) + SCORE_OF_RANK, reasons }
}

/** More than twice of what the liking can be twice (artifact-fit.ts). */
const SCORE_OF_RANK = 50_000

/** The program whose words all others begin with (`app` before `app-debug`), or null when there is none such. */
function baseOf(runners: readonly Runner[]): string | null {
  const shortest = runners.map(({ traits }) => traits).sort(byProgram)[0] as Traits
  const isBase = runners.every(
    ({ traits }) =>
      keyOf(traits) === keyOf(shortest) || shortest.program.every((word, at) => traits.program[at] === word),
  )
  return isBase ? keyOf(shortest) : null
}

function keyOf({ program }: Traits): string {
  return program.join('')
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

function unwanted(
  { name, format }: Traits,
  hints: ArtifactHints,
  pattern: Pattern | { problem: string } | null,
): string | null {
  if (hints.match !== undefined && !name.includes(hints.match)) return `does not contain '${hints.match}'`
  if (pattern !== null && ('problem' in pattern || !pattern.test(name))) return `does not match '${hints.matchRegex}'`
  if (hints.archiveOnly && format.kind !== 'archive') return 'not an archive'
  return null
}

function refuse(rejected: readonly ArtifactCandidate[], runners: readonly Runner[], refusal: string): ArtifactChoice {
  const candidates = runners
    .map((runner) => toCandidate(runner, { base: null, chosen: null, isFirst: false }))
    .sort((a, b) => b.score - a.score || byText(a.name, b.name))
  return { choice: null, candidates: [...candidates, ...rejected], refusal }
}

function nothing(rejected: readonly ArtifactCandidate[], platform: ArtifactPlatform, total: number): string {
  if (total === 0) return 'the release has no files: attach one for each platform'
  const names = list(rejected.map(({ name }) => name))
  return `no file of this release is for ${platformName(platform)}; it has ${names}: publish one for this platform, or name the file that runs here with ?asset=`
}

function tie(runners: readonly Runner[], platform: ArtifactPlatform, what: string): string {
  const names = list(runners.map(({ traits }) => traits.name).sort(byText))
  return `${runners.length} files ${what} fit ${platformName(platform)} equally well: ${names}; say which with ?asset=`
}

export function platformName({ os, arch, libc }: ArtifactPlatform): string {
  return `${osName(os)} on ${arch}${libc === null ? '' : ` with ${libc}`}`
}

const MAX_LISTED = 6
const MAX_LISTED_LENGTH = 80

function list(names: readonly string[]): string {
  const shown = names.slice(0, MAX_LISTED).map((name) => name.slice(0, MAX_LISTED_LENGTH))
  const more = names.length - shown.length
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function byLength(a: string, b: string): number {
  return a.length - b.length || byText(a, b)
}

function byProgram(a: Traits, b: Traits): number {
  return a.program.length - b.program.length || byText(a.program.join(' '), b.program.join(' '))
}

function byNumbers(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split('.').map(Number)) as [number[], number[]]
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const order = (left[at] ?? 0) - (right[at] ?? 0)
    if (order !== 0 && !Number.isNaN(order)) return order
  }
  return byText(a, b)
}
