/**
 * Why there is no choice, and what to do: one sentence each. They name files of strangers; who prints them cleans them.
 */

import { type ArtifactPlatform, osName } from './fit.ts'

/** `programs` are the files that would run somewhere, `names` all of them. */
export function nothingFits(programs: readonly string[], names: readonly string[], platform: ArtifactPlatform): string {
  if (names.length === 0) return 'the release has no files: attach one for each platform'
  if (programs.length === 0) {
    return `no file of this release is a program or an archive of one; it has ${list(names)}: attach one for ${platformName(platform)}`
  }
  return `no file of this release is for ${platformName(platform)}; it has ${list(programs)}: publish one for this platform, or name the file that runs here with ?asset=`
}

/** `what` they differ in: `of different programs`. */
export function tied(names: readonly string[], platform: ArtifactPlatform, what: string): string {
  return `${names.length} files ${what} fit ${platformName(platform)} equally well: ${list(names)}; say which with ?asset=`
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
