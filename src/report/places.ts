/**
 * Which build serves, which is next and which a rollback returns to, as a reader means it. `current` of a status is the
 * committed build: on probation that is not the one that serves, but the way back.
 */

import type { BuildStatus, Status } from '../core/status.ts'

export interface Places {
  /** A build that is not committed serves. */
  readonly isOnTrial: boolean
  readonly serving: BuildStatus | null
  readonly next: BuildStatus | null
  readonly wayBack: BuildStatus | null
}

export function placesOf({ state, current, previous, candidate }: Status): Places {
  if (state === 'probation' && candidate !== null)
    return { isOnTrial: true, serving: candidate, next: null, wayBack: current }
  return { isOnTrial: false, serving: current, next: candidate, wayBack: previous }
}
