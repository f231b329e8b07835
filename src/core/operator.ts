/** What the operator asks for, by signal or command. All of it is idempotent and legal at any moment. */

import { nameOf } from './build.ts'
import { unreachable } from './errors.ts'
import { LIMITS } from './settings.ts'
import { poke } from './staging.ts'
import type { Input } from './state.ts'
import { homeOf, type Turn } from './turn.ts'
import { failPromotion, promote, tellPromotion } from './verdicts.ts'

type OperatorInput = Extract<
  Input,
  { type: 'upgrade' | 'poke' | 'rollback' | 'restart' | 'pause' | 'resume' | 'scale' | 'stop' }
>

export function onOperator(turn: Turn, input: OperatorInput): void {
  switch (input.type) {
    case 'upgrade':
      return upgrade(turn, input)
    case 'poke':
      return turn.state.pipeline ? check(turn) : restart(turn)
    case 'rollback':
      return rollback(turn)
    case 'restart':
      return restart(turn)
    case 'pause':
      return setPaused(turn, true)
    case 'resume':
      return setPaused(turn, false)
    case 'scale':
      return turn.set({ instancesAsked: Math.min(LIMITS.instances, Math.max(1, turn.state.instancesAsked + input.by)) })
    case 'stop':
      return stop(turn, input)
    default:
      return unreachable(input)
  }
}

function upgrade(turn: Turn, { again, resetTrust = false }: Extract<Input, { type: 'upgrade' }>): void {
  if (!turn.state.pipeline)
    return turn.settle(
      'upgrade',
      'failed',
      'there is no release source: start it with --fetch, or use `autoup restart`',
    )
  if (resetTrust) {
    turn.note({ ...turn.state.ledger, ratchet: null, known: null })
    turn.set({ isCheckOutdated: turn.state.pipeline.state !== 'idle' })
  }
  poke(turn, again ? 'again' : 'plain')
}

function check(turn: Turn): void {
  if (!turn.state.promotion) turn.set({ restartsWhenUnchanged: true })
  poke(turn, 'plain')
}

function restart(turn: Turn): void {
  const { promotion, stop: stopping } = turn.state
  const home = homeOf(turn.state)
  if (stopping) return turn.settle('restart', 'stopped', 'it is stopping')
  if (promotion) {
    const message = `the ${promotion.purpose} under way starts new workers itself`
    return turn.settle('restart', 'failed', message)
  }
  if (!home) return turn.settle('restart', 'failed', 'nothing is committed yet, so there is nothing to restart')
  promote(turn, 'restart', home)
}

/**
 * During an upgrade it calls that off, but for the first one, which would leave nothing; otherwise it promotes the
 * build before the committed one.
 */
function rollback(turn: Turn): void {
  const { promotion, stop: stopping, ledger, policy } = turn.state
  if (stopping) return turn.settle('rollback', 'stopped', 'it is stopping')
  if (promotion?.purpose === 'upgrade') {
    if (!homeOf(turn.state)) {
      const message = `${nameOf(promotion.target)} is the first build here, so there is none to go back to; \`autoup stop\` ends it`
      return turn.settle('rollback', 'failed', message)
    }
    return failPromotion(turn, { kind: 'operator', reason: 'rolled back by operator', isProbe: false })
  }
  if (promotion)
    return turn.settle('rollback', 'failed', `the ${promotion.purpose} under way has to end first: try again then`)
  if (policy.source === null)
    return turn.settle('rollback', 'failed', 'there is no release source, so there is no build to go back to')
  if (!ledger.previous) return turn.settle('rollback', 'failed', 'there is no previous build to go back to')
  promote(turn, 'rollback', ledger.previous)
}

function setPaused(turn: Turn, paused: boolean): void {
  if (turn.state.ledger.paused === paused) return
  turn.note({ ...turn.state.ledger, paused })
  turn.emit({ type: paused ? 'paused' : 'resumed' })
}

/** The first one drains, the second one ends. A promotion that has not failed gets its attempt back. */
function stop(turn: Turn, { reason, isUrgent, status }: Extract<Input, { type: 'stop' }>): void {
  const isSecond = turn.state.stop !== null
  if (!isSecond) {
    // What has failed is not to start again after this stop. A probe says nothing before the old build has passed it.
    const { promotion: failing } = turn.state
    if (failing?.state === 'returning' && !failing.failure.isProbe) tellPromotion(turn, { type: 'return-failed' })
    const { promotion, ledger } = turn.state
    turn.set({ stop: { status, isOver: false }, promotion: null })
    turn.emit({ type: 'master-stopping', reason })
    turn.do({ type: 'stop-stager' })
    const { candidate } = ledger
    if (candidate && promotion?.purpose === 'upgrade') {
      turn.note({
        ...ledger,
        candidate: { ...candidate, attemptsLeft: Math.min(LIMITS.attempts, candidate.attemptsLeft + 1) },
      })
    }
  }
  if (isSecond || isUrgent) for (const worker of turn.state.workers) turn.kill(worker, 'stopping at once')
}
