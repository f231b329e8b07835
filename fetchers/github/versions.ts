/**
 * Which release is wanted: the highest version by semver, whatever order GitHub lists them in, since a backport may be
 * published after a higher one. Pure. Tags are versions with or without a `v`, after the prefix where there is one;
 * what is no version is no candidate.
 */

import semver from 'semver'
import { parseWanted, type Wanted, wantedProblem } from '../../src/core/version-gate.ts'
import type { GithubRelease } from './answer.ts'
import type { GithubLocation } from './location.ts'

export interface Candidate {
  readonly release: GithubRelease
  readonly version: string
}

export interface Selection {
  /** The highest that is wanted, or null. */
  readonly best: Candidate | null
  /** Versions that are there and not wanted, the highest first. */
  readonly others: readonly string[]
  /** Tags that are no versions. */
  readonly ignored: readonly string[]
}

/** Throws AutoupError `usage` for what is no range. */
export function selectRelease(releases: readonly GithubRelease[], location: GithubLocation): Selection {
  const wanted = parseWanted(location.wanted)
  let best: Candidate | null = null
  const others: string[] = []
  const ignored: string[] = []
  for (const release of releases) {
    if (release.draft) continue
    const rest = withoutPrefix(release.tag_name, location.tagPrefix)
    if (rest === null) continue
    const version = versionOf(rest)
    if (version === null) ignored.push(release.tag_name)
    else if (!isWanted(version, release.prerelease, wanted, location.prerelease)) others.push(version)
    else if (best === null || isAfter({ release, version }, best)) best = { release, version }
  }
  return { best, others: others.sort(semver.rcompare), ignored }
}

/** With the build metadata, so that the answer is the same at each check. */
export function compareVersions(a: string, b: string): number {
  return semver.compareBuild(a, b)
}

/** Of two releases of one version the later one. */
function isAfter(a: Candidate, b: Candidate): boolean {
  const order = compareVersions(a.version, b.version)
  return order > 0 || (order === 0 && (a.release.published_at ?? '') > (b.release.published_at ?? ''))
}

/**
 * `app-v1.2.3`, `app@1.2.3` and `app/v1.2.3` without `app-v`, `app@`, `app/` or just `app`; null: another program's.
 */
function withoutPrefix(tag: string, prefix: string | null): string | null {
  if (prefix === null) return tag
  if (!tag.startsWith(prefix)) return null
  const rest = tag.slice(prefix.length)
  // Of `app-cli-v1.2.3` the prefix is `app-cli`.
  return versionOf(rest.replace(/^[-@/_]/, '')) === null ? null : rest.replace(/^[-@/_]/, '')
}

/** Build metadata is part of it: `1.2.3+4` is another release than `1.2.3+5`. */
function versionOf(text: string): string | null {
  const parsed = semver.parse(text)
  if (parsed === null) return null
  return parsed.build.length === 0 ? parsed.version : `${parsed.version}+${parsed.build.join('.')}`
}

/** A prerelease is one by its version, or because its publisher ticked that box. */
function isWanted(version: string, isMarked: boolean, wanted: Wanted, allowed: boolean): boolean {
  // There are no dist-tags here: what comes next is any prerelease.
  const prerelease = allowed || (wanted.kind === 'channel' && wanted.channel === 'next')
  if (wantedProblem(version, wanted, { prerelease }) !== null) return false
  if (!isMarked || prerelease || semver.prerelease(version) !== null) return true
  return wanted.kind === 'range' && semver.valid(wanted.range) !== null
}
