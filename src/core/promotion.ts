/**
 * One promotion: a generation of workers is started beside the old one, proves itself, and is committed. An upgrade, a
 * manual rollback and a graceful restart are the same machine with another target and verdict rule. Pure.
 *
 *     recording ─recorded─▶ preflight ─passed─▶ before-hook ─passed─▶ vacating ─vacated─▶ starting ─ready─▶ probation
 *         │ upgrade only     │ if asked for      │ if asked for        │ exclusive only     │                │   │ due
 *         ▼                  ▼                   ▼                     ▼                    ▼                │   ▼
 *       failed ◀─────────────┴───────────────────┴─────────────────────┴────────────────────┘                │ committing
 *         ▲                                                                                                  │   │
 *         └─established─ returning ◀──────────────────────────────────────── worker dies, probe fails ───────┘   ▼
 *                                                                                                            committed
 *
 * Until `ready` nothing has happened to the old workers (unless `exclusive`). From `ready` on only the new ones serve,
 * so a failure goes through `returning`: the committed build is started first. What a failure says about the build is
 * judged then, because a probe that the old build fails as well says nothing about the new one.
 */

import type { Build } from './build.ts'
import { unreachable } from './errors.ts'
import type { Purpose } from './events.ts'

/** Why a promotion failed, and whether that is a verdict on the build. */
export interface Failure {
  /**
   * `machine`: no verdict, tried again. `missing`: the build is not in the store any more, so it is not staged.
   * `behaviour`: quarantine under this launch. `operator`: held as asked.
   */
  readonly kind: 'machine' | 'missing' | 'behaviour' | 'operator'
  readonly reason: string
  /** A probe failed: the old build must pass the same one before this counts. */
  readonly isProbe: boolean
}

interface Base {
  readonly purpose: Purpose
  readonly target: Build
  /** The number of the new generation. */
  readonly generation: number
  /** Monotonic ms. */
  readonly startedAt: number
}

export type Promotion =
  | ({ readonly state: 'recording' | 'preflight' | 'before-hook' | 'vacating' | 'starting' } & Base)
  | ({ readonly state: 'probation'; readonly until: number } & Base)
  /** `retryAt`: the commit could not be recorded; the new build serves on and it is tried again. */
  | ({ readonly state: 'committing'; readonly retryAt: number | null } & Base)
  | ({ readonly state: 'returning'; readonly failure: Failure } & Base)

export type PromotionEvent =
  | { readonly type: 'tick' }
  | { readonly type: 'recorded' }
  | { readonly type: 'not-recorded'; readonly reason: string }
  | { readonly type: 'preflight-passed' }
  /** The operator's own command has nothing against it. */
  | { readonly type: 'hook-passed' }
  /** The old workers are gone (exclusive). */
  | { readonly type: 'vacated' }
  /** Every worker of the new generation is ready. */
  | { readonly type: 'ready' }
  /** A worker, a probe, the preflight or the hook failed; or the operator calls it off. */
  | { readonly type: 'failed'; readonly failure: Failure }
  /** While returning: the committed build serves again … */
  | { readonly type: 'established' }
  /** … or fails in its turn. */
  | { readonly type: 'return-failed' }

export type PromotionEffect =
  | { readonly type: 'record-candidate' }
  | { readonly type: 'run-preflight' }
  | { readonly type: 'run-before-hook' }
  /** From now on the new generation is the one that serves. */
  | { readonly type: 'hand-over' }
  /** From now on the committed build serves again, in a generation of its own. */
  | { readonly type: 'return' }
  | { readonly type: 'record-commit' }

export type Verdict =
  | { readonly outcome: 'committed' | 'restarted' }
  | { readonly outcome: 'failed'; readonly failure: Failure }

export interface PromotionContext {
  readonly exclusive: boolean
  readonly preflight: boolean
  readonly beforeHook: boolean
  readonly probationMs: number
  readonly commitRetryMs: number
}

export interface PromotionStep {
  /** Null when it has ended. */
  readonly promotion: Promotion | null
  readonly effects: readonly PromotionEffect[]
  readonly verdict: Verdict | null
}

/** A restart and a rollback start what was committed before: nothing to record, no preflight, no hook. */
export function beginPromotion(base: Base, context: PromotionContext): PromotionStep {
  if (base.purpose === 'upgrade') return go({ ...base, state: 'recording' }, { type: 'record-candidate' })
  return go({ ...base, state: context.exclusive ? 'vacating' : 'starting' })
}

export function stepPromotion(
  promotion: Promotion,
  event: PromotionEvent,
  now: number,
  context: PromotionContext,
): PromotionStep {
  if (event.type === 'failed') return onFailure(promotion, event.failure, context)
  switch (promotion.state) {
    case 'recording':
      if (event.type === 'recorded')
        return context.preflight
          ? go({ ...promotion, state: 'preflight' }, { type: 'run-preflight' })
          : ask(promotion, context)
      if (event.type === 'not-recorded') return fail({ kind: 'machine', reason: event.reason, isProbe: false })
      return go(promotion)
    case 'preflight':
      return event.type === 'preflight-passed' ? ask(promotion, context) : go(promotion)
    case 'before-hook':
      return event.type === 'hook-passed' ? start(promotion, context) : go(promotion)
    case 'vacating':
      return event.type === 'vacated' ? go({ ...promotion, state: 'starting' }) : go(promotion)
    case 'starting':
      if (event.type !== 'ready') return go(promotion)
      if (promotion.purpose === 'restart') return end({ outcome: 'restarted' }, { type: 'hand-over' })
      return go({ ...promotion, state: 'probation', until: now + context.probationMs }, { type: 'hand-over' })
    case 'probation':
      if (event.type !== 'tick' || now < promotion.until) return go(promotion)
      return go({ ...promotion, state: 'committing', retryAt: null }, { type: 'record-commit' })
    case 'committing':
      if (event.type === 'recorded') return end({ outcome: 'committed' })
      if (event.type === 'not-recorded') return go({ ...promotion, retryAt: now + context.commitRetryMs })
      if (event.type === 'tick' && promotion.retryAt !== null && now >= promotion.retryAt) {
        return go({ ...promotion, retryAt: null }, { type: 'record-commit' })
      }
      return go(promotion)
    case 'returning':
      if (event.type === 'established') return fail(promotion.failure)
      if (event.type === 'return-failed') {
        if (!promotion.failure.isProbe) return fail(promotion.failure)
        const reason = `${promotion.failure.reason}; the build before it fails as well, so this is no verdict on the new one`
        return fail({ kind: 'machine', reason, isProbe: true })
      }
      return go(promotion)
    default:
      return unreachable(promotion)
  }
}

/** Whether the new generation has taken the traffic, so that a failure must go through `returning`. */
export function hasHandedOver(promotion: Promotion): boolean {
  return promotion.state === 'probation' || promotion.state === 'committing' || promotion.state === 'returning'
}

function onFailure(promotion: Promotion, failure: Failure, context: PromotionContext): PromotionStep {
  switch (promotion.state) {
    case 'recording':
    case 'preflight':
    case 'before-hook':
      return fail(failure)
    case 'vacating':
    case 'starting':
      // Under `exclusive` the old workers are gone or going: the way back is a start of the committed build.
      return context.exclusive ? go({ ...promotion, state: 'returning', failure }, { type: 'return' }) : fail(failure)
    case 'probation':
      return go({ ...promotion, state: 'returning', failure }, { type: 'return' })
    case 'committing':
      // Probation has passed: a death now is an ordinary crash. Only while the disk refuses the commit can the
      // operator still call it off.
      if (failure.kind !== 'operator' || promotion.retryAt === null) return go(promotion)
      return go({ ...promotion, state: 'returning', failure }, { type: 'return' })
    case 'returning':
      // The operator's word stands over what was found; everything else is a late echo of the same failure.
      return failure.kind === 'operator' ? go({ ...promotion, failure }) : go(promotion)
    default:
      return unreachable(promotion)
  }
}

/** The last word before anything happens is the operator's. */
function ask(promotion: Base, context: PromotionContext): PromotionStep {
  if (!context.beforeHook) return start(promotion, context)
  const { purpose, target, generation, startedAt } = promotion
  return go({ purpose, target, generation, startedAt, state: 'before-hook' }, { type: 'run-before-hook' })
}

function start(promotion: Base, context: PromotionContext): PromotionStep {
  const { purpose, target, generation, startedAt } = promotion
  return go({ purpose, target, generation, startedAt, state: context.exclusive ? 'vacating' : 'starting' })
}

function go(promotion: Promotion, ...effects: PromotionEffect[]): PromotionStep {
  return { promotion, effects, verdict: null }
}

function end(verdict: Verdict, ...effects: PromotionEffect[]): PromotionStep {
  return { promotion: null, effects, verdict }
}

function fail(failure: Failure): PromotionStep {
  return end({ outcome: 'failed', failure })
}
