/** What is said where no release is wanted: what there is, and how to ask for it. */

import { shown } from '../../src/core/shown.ts'
import { parseWanted } from '../../src/core/version-gate.ts'
import type { GithubRelease } from './answer.ts'
import type { GithubLocation } from './location.ts'
import type { Selection } from './versions.ts'

const LISTED = 5

interface Repository {
  /** `owner/repo`. */
  readonly name: string
  readonly location: GithubLocation
}

export function nothingWanted(
  { name, location }: Repository,
  releases: readonly GithubRelease[],
  { others, ignored }: Selection,
): string {
  const { wanted, tagPrefix } = location
  const tags = releases.filter(({ draft }) => !draft).map(({ tag_name }) => tag_name)
  if (tags.length === 0) return `${name} has no releases: publish one there`
  if (others.length > 0) {
    const newest = `the newest are ${list(others)}`
    if (parseWanted(wanted).kind === 'range')
      return `no release of ${name} is in ${wanted}: ${newest}; publish one, or change the range`
    return `${name} has prereleases only: ${newest}; take them with @next or ?prerelease=1`
  }
  if (tagPrefix !== null) return `no release of ${name} has the tag prefix '${tagPrefix}': its tags are ${list(tags)}`
  return `no release of ${name} has a version as its tag: there are ${list(ignored)}; give what stands before the version with ?tag-prefix=`
}

function list(all: readonly string[]): string {
  const first = all.slice(0, LISTED).map((each) => shown(each, 60))
  return `${first.join(', ')}${all.length > LISTED ? ` and ${all.length - LISTED} more` : ''}`
}
