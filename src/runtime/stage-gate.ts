/** What is decided about a release before its bytes are fetched, and about its digest as soon as that is known. */

import type { BuildId } from '../core/build.ts'
import type { Release } from '../core/source.ts'
import type { StageJob } from './stage-protocol.ts'

/** Why the release is not taken, as a sentence; null lets it through. */
export async function versionProblem(release: Release, floor: string | null): Promise<string | null> {
  if (!release.ordered || floor === null || release.version === floor) return null
  const { compare, valid } = (await import('semver')).default
  // A floor that is no version was set under another source.
  if (valid(release.version) === null || valid(floor) === null) return null
  if (compare(release.version, floor) >= 0) return null
  return `${release.version} is lower than ${floor}, which has been in service: give --allow-downgrade to go back`
}

/** The reason for which this build is held back, or null. Who names a digest has looked at the bytes himself. */
export function heldReason(job: StageJob, id: BuildId): string | null {
  if (job.again) return null
  const entry = job.quarantined.find(({ build }) => build === id)
  if (entry === undefined || (entry.rule === 'bytes' && id === `sha256-${job.sha256}`)) return null
  return entry.reason
}

/** Why its bytes can be trusted, strongest first; empty when nothing vouches for them. */
export function proofsOf(job: StageJob, scheme: string, release: Release): string[] {
  const proofs: string[] = []
  if (job.sha256 !== null) proofs.push('sha256')
  // Who can write the file can write its digest: nothing is proved but that it is on this machine.
  if (scheme === 'file') proofs.push('local-file')
  else if (release.digest !== null) proofs.push(`${scheme}-digest`)
  return proofs
}
