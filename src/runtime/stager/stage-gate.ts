/**
 * What is turned down of a release: by its age and version before a byte is fetched, by its digest as soon as that is
 * known, by the bytes that came. Each answer is a verdict, or null to let it through. A verdict on bytes is none of
 * these: what is refused here may be taken under another rule, or when the source has corrected itself.
 */

import type { BuildId } from '../../core/build.ts'
import { waiting } from '../../core/incomplete.ts'
import type { Known, Release } from '../../core/source.ts'
import { ageProblem, type FloorRule, floorProblem } from '../../core/version-gate.ts'
import { otherDigest } from '../../trust/verify-file.ts'
import type { StageJob, StageVerdict } from './stage-protocol.ts'

export interface Gate {
  refuse(reason: string): StageVerdict
  /** By its age and version, and by its digest where the source says one. */
  beforeFetch(): StageVerdict | null
  /** Other bytes of the version in service, not the ones that were asked for, or held back. */
  onDigest(id: BuildId): StageVerdict | null
  /** The same, for what has come: it may not be what the source has announced. */
  onBytes(id: BuildId): StageVerdict | null
}

/** `scheme` is that of the fetcher. */
export function gateFor(order: StageJob, release: Release, known: Known, scheme: string): Gate {
  const { version, ordered, digest: announced, isTree = false, name, publishedAt } = release
  const refuse = (reason: string): StageVerdict => ({ type: 'refused', id: null, version, reason, known })
  // A tree has no digest that would name its build.
  const floor = (digest: string | null): string | null =>
    floorProblem({ version, ordered, digest: isTree ? null : digest }, order.floor, floorRuleOf(order))
  const other = (id: BuildId, from: string, said: string): string =>
    `${name} ${otherDigest({ algorithm: 'sha256', hex: id.slice(7) }, from, said)}`
  const onDigest = (id: BuildId): StageVerdict | null => {
    const otherBytes = floor(id)
    if (otherBytes !== null) return refuse(otherBytes)
    if (order.sha256 !== null && id !== `sha256-${order.sha256}`) {
      return refuse(`${other(id, '--sha256', order.sha256)}; where this is the one to run, give --sha256 its digest`)
    }
    const held = heldReason(order, id)
    return held === null ? null : { type: 'held', id, version, reason: held, known }
  }
  return {
    refuse,
    beforeFetch() {
      const young = ageProblem(version, publishedAt ? Date.parse(publishedAt) : null, order.minAgeMs, Date.now())
      if (young?.waitMs === null) return refuse(young.message)
      if (young) return { type: 'incomplete', message: young.message, ...waiting(young.waitMs) }
      const tooLow = floor(announced)
      return tooLow === null ? null : refuse(tooLow)
    },
    onDigest,
    onBytes(id) {
      if (announced === null || announced === id) return onDigest(id)
      // A local file has no word but its own: other bytes mean that it was replaced.
      if (scheme === 'file') return { type: 'incomplete', message: `${name} changed while it was copied` }
      // The bytes may be right, and what the source says of them wrong.
      return refuse(other(id, 'the source', announced.slice(7)))
    },
  }
}

export function floorRuleOf({ allowDowngrade, sha256 }: StageJob): FloorRule {
  return { allowDowngrade, pinned: sha256 }
}

/** The reason for which this build is held back, or null. Who names a digest has looked at the bytes himself. */
export function heldReason(job: StageJob, id: BuildId): string | null {
  if (job.again) return null
  const entry = job.quarantined.find(({ build }) => build === id)
  if (entry === undefined || (entry.rule === 'bytes' && id === `sha256-${job.sha256}`)) return null
  return entry.reason
}
