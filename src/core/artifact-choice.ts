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
  const traits = readTraits(all, programs.filter((program) => program !== ''), hints.version ?? null)
  const saysPlatforms = traits.some(({ os, archs }) => os !== null || archs.size > 0)

  const runners: Runner[] = []
  const rejected: ArtifactCandidate[] = []
  for (const each of traits) {
    const not = each.never ?? unwanted(each, hints, pattern)
    const fit = not === null ? fitOf(each, platform, { saysPlatforms }) : { not }
    if ('not' in fit) rejected.push({ name: each.name, score: 0, reasons: [fit.not] })
    else runners.push({ traits: each, fit, isAsked: asked(each, programs), isSticky: isSticky(each, hints) })
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
