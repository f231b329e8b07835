/**
 * Which asset of a release is for this machine, and whether the release is all there. Assets arrive one by one, often
 * after the release is published, so in a young release a missing one is waited for; in an older one it is missing.
 */

import { type ArtifactChoice, chooseArtifact } from '../../src/core/artifact/choice.ts'
import { shapeOf } from '../../src/core/artifact/shape.ts'
import { formatDuration } from '../../src/core/duration.ts'
import type { FetchContext } from '../../src/core/source.ts'
import type { GithubAsset, GithubRelease } from './answer.ts'
import type { GithubLocation } from './location.ts'

export type Pick =
  | { readonly kind: 'asset'; readonly asset: GithubAsset; readonly shape: string }
  | { readonly kind: 'incomplete'; readonly message: string }
  | { readonly kind: 'nothing'; readonly message: string }

/** No asset has come or changed for this long: no more are expected. Build matrices take their time. */
const YOUNG_MS = 600_000
/** For this long a file like the one before is waited for, where only another kind is there yet. */
const OTHER_SHAPE_MS = 120_000
/** An upload that has not ended by then has failed, and its remains are no asset. */
const STALLED_MS = 3_600_000

export interface PickContext {
  readonly location: GithubLocation
  readonly platform: FetchContext['platform']
  readonly version: string
  /** Of what was chosen last time, or null. */
  readonly shape: string | null
  /** Wall clock. */
  readonly now: number
}

export function pickAsset(release: GithubRelease, context: PickContext): Pick {
  const { location, version, shape, now } = context
  const name = `${version} of ${location.owner}/${location.repo}`
  const age = now - lastChange(release)
  const there = release.assets.filter(
    ({ state, updated_at }) => state === 'uploaded' || !(now - Date.parse(updated_at) >= STALLED_MS),
  )
  const arriving = there.filter(({ state }) => state !== 'uploaded')
  const { choice, refusal, candidates } = chooseAsset(there, context)
  const chosen = there.find((asset) => asset.name === choice)
  if (arriving.length > 0 && (chosen === undefined || chosen.state !== 'uploaded' || age < YOUNG_MS)) {
    return {
      kind: 'incomplete',
      message: `${name} is being uploaded: ${(arriving[0] as GithubAsset).name} is on its way`,
    }
  }
  if (chosen === undefined) {
    const isTie = candidates.some(({ score }) => score > 0)
    if (isTie || !(age < YOUNG_MS)) return { kind: 'nothing', message: `${name}: ${refusal}` }
    return { kind: 'incomplete', message: `${name} is new and not whole, or not for this machine: ${refusal}` }
  }
  const like = shapeOf(chosen.name, version)
  if (shape !== null && bare(like) !== bare(shape) && age < OTHER_SHAPE_MS) {
    const wait = `it is waited for, ${formatDuration(OTHER_SHAPE_MS)} after the last upload ${choice} is taken`
    return { kind: 'incomplete', message: `${name} has no ${shape} yet, which is what was taken before: ${wait}` }
  }
  return { kind: 'asset', asset: chosen, shape: like }
}

/** Of the release or of any of its assets, wall clock; NaN where it does not say. */
export function lastChange({ published_at, assets }: GithubRelease): number {
  const times = [published_at ?? '', ...assets.map(({ updated_at }) => updated_at)].map((time) => Date.parse(time))
  const said = times.filter((time) => !Number.isNaN(time))
  return said.length === 0 ? Number.NaN : Math.max(...said)
}

export function chooseAsset(
  assets: readonly GithubAsset[],
  { location, platform, version, shape }: Omit<PickContext, 'now'>,
): ArtifactChoice {
  const { owner, repo, asset: glob, tagPrefix } = location
  const all = assets.map(({ name }) => name)
  const names = glob === null ? all : all.filter(matcher(glob))
  const [only] = names
  if (glob !== null && only !== undefined && names.length === 1) {
    const reasons = [`the only one that matches ?asset=${glob}`]
    return { choice: only, candidates: [{ name: only, score: 1, reasons }], refusal: null }
  }
  if (glob !== null && names.length === 0) {
    const refusal = all.length === 0 ? 'it has no files' : `no file matches ?asset=${glob}; there are ${list(all)}`
    return { choice: null, candidates: [], refusal }
  }
  return chooseArtifact(names, platform, {
    project: `${owner}/${repo}`,
    version,
    ...(tagPrefix === null ? {} : { preferName: programOf(tagPrefix) }),
    ...(shape === null ? {} : { shape }),
  })
}

/** `app-v`, `app@` and `packages/app/v` are of `app`. */
function programOf(tagPrefix: string): string {
  return tagPrefix.replace(/[-@/_]+v?$/, '').replace(/^.*\//, '')
}

/** `*` and `?` against the whole name. Greedy with one way back, so its time is at most the product of both lengths. */
export function matcher(glob: string): (name: string) => boolean {
  return (name) => {
    let at = 0
    let into = 0
    let star = -1
    let retry = 0
    while (at < name.length) {
      if (glob[into] === '*') {
        star = into++
        retry = at
      } else if (into < glob.length && (glob[into] === '?' || glob[into] === name[at])) {
        into++
        at++
      } else if (star >= 0) {
        into = star + 1
        at = ++retry
      } else return false
    }
    while (glob[into] === '*') into++
    return into === glob.length
  }
}

function list(names: readonly string[]): string {
  return `${names.slice(0, 6).join(', ')}${names.length > 6 ? ` and ${names.length - 6} more` : ''}`
}

/** Versions are not always recognised as such: `app-v1` and `app-v2` are alike. */
function bare(shape: string): string {
  return shape.replace(/\d+/g, '*')
}
