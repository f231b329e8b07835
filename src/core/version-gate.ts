/**
 * What is decided about a release by its version and age alone, before a byte of it is fetched (and, for one rule, as
 * soon as its digest is known). Each function answers with a sentence, or null to let it through. To be loaded lazily:
 * it needs semver, which the steady master does not.
 */

import semver from 'semver'
import { formatDuration } from './duration.ts'
import { AutoupError } from './errors.ts'
import { CHANNEL, noRange } from './range-form.ts'

export interface Offered {
  readonly version: string
  /** Whether versions of this source have an order. */
  readonly ordered: boolean
  /** Of the artifact, where that is known already and names the build; for npm, whose trees differ, null. */
  readonly digest: string | null
}

export interface Floor {
  readonly version: string
  /** The build that is in service at this version, `sha256-<hex>`; null to let other bytes of one version pass. */
  readonly build: string | null
}

export interface FloorRule {
  readonly allowDowngrade: boolean
  /** `--sha256`, 64 hex digits: who names a digest has looked at the bytes himself. */
  readonly pinned: string | null
}

/**
 * No version below the one in service, and no other bytes under its name: a release does not change, so a second one of
 * the same version is either an accident or somebody who hopes that nobody looks. Build metadata has no order and makes
 * another release.
 */
export function floorProblem(offered: Offered, floor: Floor | null, rule: FloorRule): string | null {
  const { version, ordered, digest } = offered
  if (!ordered || rule.allowDowngrade) return null
  // Also the first one: what is in service under a name without an order could never be compared with.
  if (semver.valid(version) === null) {
    return `${version} is no version (semver.org), so nobody could say which release is lower: publish it as 1.2.3, or give --allow-downgrade`
  }
  // A floor that is no version was set under another source.
  if (floor === null || semver.valid(floor.version) === null) return null
  if (semver.lt(version, floor.version)) {
    return `${version} is lower than ${floor.version}, which has been in service: give --allow-downgrade to go back`
  }
  const isSame = semver.compareBuild(version, floor.version) === 0
  if (!isSame || digest === null || floor.build === null || digest === floor.build) return null
  if (rule.pinned !== null && digest === `sha256-${rule.pinned}`) return null
  return `${version} is in service with other bytes: publish them under a new version, or give their digest with --sha256`
}

/** What follows the `@` of a source. */
export type Wanted =
  /** The highest release. */
  | { readonly kind: 'highest' }
  | { readonly kind: 'range'; readonly range: string }
  /** `next`, `beta`: releases, and the prereleases that are named so. */
  | { readonly kind: 'channel'; readonly channel: string }

/** `^1.2`, `1.x`, `1.2.3`, `next`, `latest`; null is nothing said. Throws AutoupError `usage`. */
export function parseWanted(text: string | null): Wanted {
  if (text === null || text === 'latest') return { kind: 'highest' }
  const range = text.trim() === '' ? null : semver.validRange(text)
  if (range !== null) return { kind: 'range', range }
  if (CHANNEL.test(text)) return { kind: 'channel', channel: text }
  throw new AutoupError('usage', noRange(text))
}

/** Prereleases are left out unless they are asked for: by `?prerelease`, by their channel, or by the range itself. */
export function wantedProblem(
  version: string,
  wanted: Wanted,
  policy: { readonly prerelease: boolean },
): string | null {
  const parsed = semver.parse(version)
  if (parsed === null) return `${version} is no version`
  const { prerelease } = parsed
  if (wanted.kind === 'range') {
    const isInside = semver.satisfies(parsed, wanted.range, { includePrerelease: policy.prerelease })
    return isInside ? null : `${version} is not in ${wanted.range}`
  }
  if (prerelease.length === 0 || policy.prerelease) return null
  if (wanted.kind === 'channel' && isOfChannel(String(prerelease[0]), wanted.channel)) return null
  const asked = wanted.kind === 'channel' ? `not of the channel ${wanted.channel}` : 'not asked for'
  return `${version} is a prerelease, and ${asked}`
}

export interface Young {
  readonly message: string
  /** Milliseconds until it is old enough; null when nobody can say. */
  readonly waitMs: number | null
}

/**
 * `--min-age`. Both times are wall clock, in milliseconds since 1970; `publishedAt` is the latest change of the release
 * or of its artifact, and NaN or null when the source does not say. A time in the future makes it no older.
 */
export function ageProblem(version: string, publishedAt: number | null, minAgeMs: number, now: number): Young | null {
  if (minAgeMs <= 0) return null
  const wants = `--min-age asks for ${formatDuration(minAgeMs)}`
  if (publishedAt === null || !Number.isFinite(publishedAt)) {
    return { message: `the source does not say how old ${version} is, and ${wants}`, waitMs: null }
  }
  const age = now - publishedAt
  if (age >= minAgeMs) return null
  const was = age < 0 ? 'is published in the future' : `is ${formatDuration(age)} old`
  return { message: `${version} ${was}, and ${wants}`, waitMs: minAgeMs - age }
}

/** `beta`, `beta.2` and `beta2`. */
function isOfChannel(identifier: string, channel: string): boolean {
  return identifier.startsWith(channel) && /^\d*$/.test(identifier.slice(channel.length))
}
