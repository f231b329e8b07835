/** What is decided about a digest as soon as it is known. */

import type { BuildId } from '../core/build.ts'
import type { StageJob } from './stage-protocol.ts'

/** The reason for which this build is held back, or null. Who names a digest has looked at the bytes himself. */
export function heldReason(job: StageJob, id: BuildId): string | null {
  if (job.again) return null
  const entry = job.quarantined.find(({ build }) => build === id)
  if (entry === undefined || (entry.rule === 'bytes' && id === `sha256-${job.sha256}`)) return null
  return entry.reason
}
