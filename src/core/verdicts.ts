/**
 * The life of a promotion inside the supervisor: beginning it, carrying out what its machine asks for, and what its
 * verdict means for the ledger and for whoever waits.
 */

import { backoffMs } from './backoff.ts'
import { type Build, nameOf } from './build.ts'
import type { Purpose } from './events.ts'
import type { Ledger } from './ledger.ts'
import {
  beginPromotion,
  type Failure,
  hasHandedOver,
  type Promotion,
  type PromotionContext,
  type PromotionEvent,
  type PromotionStep,
  stepPromotion,
} from './promotion.ts'
import { lift, quarantine } from './quarantine.ts'
import { raiseRatchet } from './ratchet.ts'
import { LIMITS } from './settings.ts'
import { homeOf, type Turn } from './turn.ts'

/** Starts a promotion; the caller has seen that none is under way. */
export function promote(turn: Turn, purpose: Purpose, target: Build): void {
  const generation = turn.state.generations + 1
  turn.set({ generations: generation, isRestartWanted: false })
  const base = { purpose, target, generation, startedAt: turn.now.ms }
  turn.emit({ type: 'promotion-started', purpose, generation, build: target.id, version: target.version })
  carryOut(turn, base, beginPromotion(base, contextOf(turn)))
}

/** Hands an event to the promotion, if there is one. */
export function tellPromotion(turn: Turn, event: PromotionEvent): void {
  const { promotion } = turn.state
  if (promotion) carryOut(turn, promotion, stepPromotion(promotion, event, turn.now.ms, contextOf(turn)))
}

/** A behaviour or machine failure of the new generation. */
export function failPromotion(turn: Turn, failure: Failure): void {
  tellPromotion(turn, { type: 'failed', failure })
}

/** What `state.json` says once this promotion is committed. */
export function commitLedger(ledger: Ledger, promotion: Pick<Promotion, 'purpose' | 'target'>, at: string): Ledger {
  const { purpose, target } = promotion
  const left = ledger.committed
  const committed = { ...target, committedAt: at }
  const next = lift(
    {
      ...ledger,
      committed,
      previous: left ?? ledger.previous,
      candidate: otherCandidate(ledger, target),
      floor: target.version,
      ratchet: raiseRatchet(ledger.ratchet, target.proofs),
    },
    target.id,
  )
  if (purpose !== 'rollback' || !left) return next
  return quarantine(next, left, { reason: 'rolled back by operator', rule: 'operator', launch: '', at })
}

/** What `state.json` says before a candidate is started. */
export function spendAttempt(ledger: Ledger): Ledger {
  const { candidate } = ledger
  return candidate ? { ...ledger, candidate: { ...candidate, attemptsLeft: candidate.attemptsLeft - 1 } } : ledger
}

/** A candidate that had all its attempts is held like one that failed. */
export function giveUp(turn: Turn, build: Build, reason: string): void {
  holdBack(turn, build, { kind: 'behaviour', reason: withoutVerdict(reason), isProbe: false })
}

/** One that was asked for again had a single attempt. */
function withoutVerdict(reason: string): string {
  return `no verdict, and no attempt is left: ${reason}`
}

type Subject = Pick<Promotion, 'purpose' | 'target' | 'generation' | 'startedAt'>

function carryOut(turn: Turn, subject: Subject, step: PromotionStep): void {
  const wasServing = turn.state.promotion !== null && hasHandedOver(turn.state.promotion)
  if (turn.state.promotion !== step.promotion) turn.set({ promotion: step.promotion })
  const { purpose, target, generation } = subject
  const of = { build: target.id, version: target.version }
  for (const effect of step.effects) {
    switch (effect.type) {
      case 'record-candidate':
        turn.do({ type: 'save', purpose: 'candidate', ledger: spendAttempt(turn.state.ledger) })
        break
      case 'run-preflight':
        turn.emit({ type: 'preflight-started', ...of })
        turn.do({ type: 'preflight', generation, build: target })
        break
      case 'run-before-hook':
        turn.do({ type: 'before-hook', generation, build: target })
        break
      case 'hand-over':
        turn.set({ serving: { generation, build: target, isEstablished: true, isTroubled: false } })
        turn.emit({
          type: 'promotion-ready',
          purpose,
          generation,
          afterMs: Math.round(turn.now.ms - subject.startedAt),
          ...of,
        })
        break
      case 'return':
        goHome(turn)
        break
      case 'record-commit':
        turn.do({ type: 'save', purpose: 'commit', ledger: commitLedger(turn.state.ledger, subject, turn.now.iso) })
        break
    }
  }
  if (!step.verdict) return
  if (step.verdict.outcome === 'failed') onFailed(turn, subject, step.verdict.failure, wasServing)
  else onSuccess(turn, subject, step.verdict.outcome)
}

function goHome(turn: Turn): void {
  const home = homeOf(turn.state)
  if (!home) {
    turn.set({ serving: null })
    return tellPromotion(turn, { type: 'established' })
  }
  const generation = turn.state.generations + 1
  turn.set({ generations: generation, serving: { generation, build: home, isEstablished: false, isTroubled: false } })
}

function onSuccess(turn: Turn, subject: Subject, outcome: 'committed' | 'restarted'): void {
  const { purpose, target } = subject
  if (outcome === 'restarted')
    return turn.settle('restart', 'restarted', `${name(target)} was restarted`, target.version)
  turn.emit({ type: 'build-committed', purpose, build: target.id, version: target.version })
  // What was staged meanwhile, and asked for, comes next.
  if (turn.state.ledger.candidate === null) turn.set({ isInsisted: false })
  turn.do({ type: 'sweep' })
  if (purpose === 'rollback') turn.settle('rollback', 'committed', `rolled back to ${name(target)}`, target.version)
  else turn.settle('upgrade', 'committed', `${name(target)} is live`, target.version)
}

function onFailed(turn: Turn, subject: Subject, failure: Failure, wasServing: boolean): void {
  const { purpose, target, generation } = subject
  const home = homeOf(turn.state)
  turn.emit({ type: 'promotion-failed', purpose, reason: failure.reason, build: target.id, version: target.version })
  if (wasServing && home)
    turn.emit({
      type: 'rolled-back',
      from: target.version,
      reason: failure.reason,
      build: home.id,
      version: home.version,
    })
  const serves = whatServes(turn, generation)
  if (purpose === 'upgrade') return onUpgradeFailed(turn, target, failure, serves)
  if (purpose === 'restart') turn.set({ restartAt: turn.now.ms + LIMITS.respawnMaxMs })
  turn.settle(purpose, 'rolled-back', `${name(target)} failed: ${failure.reason}; ${serves}`, target.version)
}

function onUpgradeFailed(turn: Turn, target: Build, failure: Failure, serves: string): void {
  const attemptsLeft = turn.state.ledger.candidate?.attemptsLeft ?? 0
  if (failure.kind === 'machine' && attemptsLeft > 0) {
    const waitMs = backoffMs(LIMITS.attempts - attemptsLeft, LIMITS.retryFirstMs, LIMITS.respawnMaxMs)
    turn.set({ candidateAt: turn.now.ms + waitMs })
    const when = turn.state.noteRetryAt === null ? `in ${waitMs / 1_000} s` : 'once the state can be recorded'
    return turn.emit({ type: 'warning', message: `this is no verdict on ${name(target)}: it is tried again ${when}` })
  }
  if (failure.kind === 'missing') return forget(turn, target, failure, serves)
  const reason = failure.kind === 'machine' ? withoutVerdict(failure.reason) : failure.reason
  holdBack(turn, target, { ...failure, reason })
  if (failure.kind === 'operator')
    turn.settle(
      'rollback',
      'committed',
      `${name(target)} was called off; ${serves}`,
      homeOf(turn.state)?.version ?? null,
    )
  turn.settle('upgrade', 'rolled-back', `${name(target)} failed: ${reason}; ${serves}`, target.version)
}

/** What is not in the store is not staged: the next check stages it anew. */
function forget(turn: Turn, build: Build, { reason }: Failure, serves: string): void {
  const { ledger } = turn.state
  turn.set({ isInsisted: false })
  turn.note({ ...ledger, candidate: otherCandidate(ledger, build), known: null })
  const message = `${name(build)} is not in the store any more (${reason}): the next check stages it anew`
  turn.settle('upgrade', 'failed', `${message}; ${serves}`, build.version)
}

/** In a sentence; when the generation that failed is gone, if one has. */
export function whatServes({ state }: Turn, failed: number | null = null): string {
  const home = homeOf(state)
  if (!home) return 'nothing is committed yet, so nothing serves'
  const isServing = state.workers.some((worker) => worker.generation !== failed && worker.state.kind === 'ready')
  return isServing ? `${name(home)} serves on` : 'nothing serves'
}

function holdBack(turn: Turn, build: Build, failure: Failure): void {
  const { ledger, policy } = turn.state
  const rule = failure.kind === 'operator' ? 'operator' : 'behaviour'
  const verdict = { reason: failure.reason, rule, launch: policy.launch, at: turn.now.iso } as const
  turn.set({ isInsisted: false })
  turn.note({ ...quarantine(ledger, build, verdict), candidate: otherCandidate(ledger, build) })
  turn.emit({ type: 'build-quarantined', reason: failure.reason, build: build.id, version: build.version })
}

/** What was staged while this build was on trial waits for its own turn. */
function otherCandidate(ledger: Ledger, build: Build): Ledger['candidate'] {
  return ledger.candidate?.build.id === build.id ? null : ledger.candidate
}

function contextOf(turn: Turn): PromotionContext {
  const { strategy, hasPreflight, hasBeforeHook, probationMs } = turn.state.policy
  return {
    exclusive: strategy === 'exclusive',
    preflight: hasPreflight,
    beforeHook: hasBeforeHook,
    probationMs,
    commitRetryMs: LIMITS.commitRetryMs,
  }
}

function name(build: Build): string {
  return build.id === 'command' ? 'the command' : nameOf(build)
}
