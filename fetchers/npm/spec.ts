/**
 * What follows `npm:`, and which version it means. A range means its highest match by semver, without prereleases
 * unless the range names one; a version that its publisher has deprecated only counts when there is no other. Pure.
 */

import semver from 'semver'
import { AutoupError } from '../../src/core/errors.ts'
import { noRange, splitNpmLocation, TAG } from './location.ts'

export type NpmWanted =
  | { readonly kind: 'version'; readonly version: string }
  | { readonly kind: 'range'; readonly range: string }
  | { readonly kind: 'tag'; readonly tag: string }

export interface NpmSpec {
  /** `app` or `@scope/app`. */
  readonly name: string
  readonly wanted: NpmWanted
}

/** What there is to choose from. */
export interface NpmVersions {
  readonly tags: Readonly<Record<string, string>>
  readonly versions: readonly { readonly version: string; readonly isDeprecated: boolean }[]
}

const SHOWN = 5

/** Throws AutoupError `usage`. */
export function parseNpmSpec(location: string): NpmSpec {
  const { name, text } = splitNpmLocation(location)
  if (text === '') return { name, wanted: { kind: 'tag', tag: 'latest' } }
  const version = semver.valid(text, { loose: true })
  if (version !== null) return { name, wanted: { kind: 'version', version } }
  if (semver.validRange(text, { loose: true }) !== null) return { name, wanted: { kind: 'range', range: text } }
  if (TAG.test(text)) return { name, wanted: { kind: 'tag', tag: text } }
  throw new AutoupError('usage', noRange(name, text))
}

/** Throws AutoupError that lists what there is. */
export function chooseVersion({ name, wanted }: NpmSpec, { tags, versions }: NpmVersions): string {
  const all = versions.filter(({ version }) => semver.valid(version, { loose: true }) !== null)
  switch (wanted.kind) {
    case 'tag': {
      const version = Object.hasOwn(tags, wanted.tag) ? tags[wanted.tag] : undefined
      if (version !== undefined) return version
      const there = Object.keys(tags).slice(0, 20).join(', ') || 'none'
      throw new AutoupError(
        'failed',
        `${name} has no tag '${wanted.tag}'; its tags are ${there}: write one of them, or a range`,
      )
    }
    case 'version':
      if (all.some(({ version }) => version === wanted.version)) return wanted.version
      throw new AutoupError(
        'failed',
        `${name} has no version ${wanted.version}; ${newest(all)}: write one that is there, or a range`,
      )
    case 'range': {
      const sound = all.filter(({ isDeprecated }) => !isDeprecated)
      const highest = highestOf(sound, wanted.range) ?? highestOf(all, wanted.range)
      if (highest !== null) return highest
      throw new AutoupError(
        'failed',
        `no version of ${name} satisfies ${wanted.range}; ${newest(all)}: publish one, or change the range`,
      )
    }
  }
}

function highestOf(versions: NpmVersions['versions'], range: string): string | null {
  return semver.maxSatisfying(
    versions.map(({ version }) => version),
    range,
    { loose: true },
  )
}

function newest(versions: NpmVersions['versions']): string {
  const sorted = semver.rsort(
    versions.map(({ version }) => version),
    { loose: true },
  )
  if (sorted.length === 0) return 'nothing of it is published'
  return `the newest are ${sorted.slice(0, SHOWN).join(', ')}`
}
