/**
 * What has happened since this master started, as numbers that only grow: what /metrics is made of. Counted from the
 * events as they are said, and from the checks, of which only the news are said. Pure: each function answers a new
 * tally.
 */

import type { AutoupEvent, CheckResult, Purpose } from './events.ts'

export type PromotionVerdict = 'committed' | 'failed'

export interface Tally {
  readonly checks: Readonly<Record<CheckResult, number>>
  readonly promotions: Readonly<Record<Purpose, Readonly<Record<PromotionVerdict, number>>>>
  /** Automatic ones, after the traffic had moved; a rollback by hand is a promotion. */
  readonly rollbacks: number
  readonly staged: number
  readonly refused: number
  readonly quarantined: number
  readonly workerStarts: number
  readonly workerExits: { readonly expected: number; readonly unexpected: number }
  /** Workers that died and were put down to be started again in their place. */
  readonly workerRestarts: number
  readonly workerKills: number
  /** Over all workers that became ready, the time that they took. */
  readonly ready: { readonly count: number; readonly ms: number }
  readonly warnings: number
}

const NO_VERDICT = { committed: 0, failed: 0 }

export const EMPTY_TALLY: Tally = {
  checks: { unchanged: 0, release: 0, incomplete: 0, error: 0 },
  promotions: { upgrade: NO_VERDICT, rollback: NO_VERDICT, restart: NO_VERDICT },
  rollbacks: 0,
  staged: 0,
  refused: 0,
  quarantined: 0,
  workerStarts: 0,
  workerExits: { expected: 0, unexpected: 0 },
  workerRestarts: 0,
  workerKills: 0,
  ready: { count: 0, ms: 0 },
  warnings: 0,
}

export function countEvent(tally: Tally, event: AutoupEvent): Tally {
  switch (event.type) {
    case 'promotion-ready':
      // A restart is over with this: what it starts was committed before.
      return event.purpose === 'restart' ? countPromotion(tally, event.purpose, 'committed') : tally
    case 'build-committed':
      return countPromotion(tally, event.purpose, 'committed')
    case 'promotion-failed':
      return countPromotion(tally, event.purpose, 'failed')
    case 'rolled-back':
      return { ...tally, rollbacks: tally.rollbacks + 1 }
    case 'build-staged':
      return { ...tally, staged: tally.staged + 1 }
    case 'build-refused':
      return { ...tally, refused: tally.refused + 1 }
    case 'build-quarantined':
      return { ...tally, quarantined: tally.quarantined + 1 }
    case 'worker-started':
      return { ...tally, workerStarts: tally.workerStarts + 1 }
    case 'worker-ready':
      return { ...tally, ready: { count: tally.ready.count + 1, ms: tally.ready.ms + event.afterMs } }
    case 'worker-exited': {
      const how = event.expected ? 'expected' : 'unexpected'
      return { ...tally, workerExits: { ...tally.workerExits, [how]: tally.workerExits[how] + 1 } }
    }
    case 'worker-failed':
      return { ...tally, workerRestarts: tally.workerRestarts + 1 }
    case 'worker-killed':
      return { ...tally, workerKills: tally.workerKills + 1 }
    case 'warning':
      return { ...tally, warnings: tally.warnings + 1 }
    default:
      return tally
  }
}

export function countCheck(tally: Tally, result: CheckResult): Tally {
  return { ...tally, checks: { ...tally.checks, [result]: tally.checks[result] + 1 } }
}

function countPromotion(tally: Tally, purpose: Purpose, verdict: PromotionVerdict): Tally {
  const counts = { ...tally.promotions[purpose], [verdict]: tally.promotions[purpose][verdict] + 1 }
  return { ...tally, promotions: { ...tally.promotions, [purpose]: counts } }
}
