/**
 * The supervisor: the two machines and the workers joined into one pure `step`. Every input is first taken in (what
 * happened), then `reconcile` makes the workers follow. The runtime calls `step` for each input and again at `wakeAt`.
 */

import { onChanged } from './changed.ts'
import { unreachable } from './errors.ts'
import { EMPTY_LEDGER, type Ledger } from './ledger.ts'
import { askSettings } from './new-settings.ts'
import { onOperator } from './operator.ts'
import { newPipeline } from './pipeline.ts'
import { reconcile } from './reconcile.ts'
import { LIMITS } from './settings.ts'
import { onStager, tickPipeline } from './staging.ts'
import type { BootInput, Effect, Input, Instant, Policy, State } from './state.ts'
import { homeOf, Turn } from './turn.ts'
import { commitLedger, giveUp, spendAttempt, tellPromotion } from './verdicts.ts'
import { onExited, onFailed, onReady, onSpawned, onSpawnFailed, onTimeAsked, tickWorkers } from './worker-inputs.ts'
import { ORPHANS, wakeAt as workerWakeAt } from './workers.ts'

export interface Step {
  readonly state: State
  readonly effects: readonly Effect[]
}

export function newState(policy: Policy, ledger: Ledger = EMPTY_LEDGER, instances = 1): State {
  return {
    policy,
    ledger,
    pipeline: null,
    promotion: null,
    serving: null,
    workers: [],
    instances,
    instancesAsked: instances,
    settingsAsked: null,
    generations: 0,
    workerIds: 0,
    candidateAt: 0,
    isInsisted: false,
    isRestartWanted: false,
    staleUpTo: 0,
    restartAt: 0,
    restartsWhenUnchanged: false,
    isCheckOutdated: false,
    noteRetryAt: null,
    lastCheck: null,
    stop: null,
  }
}

export function step(state: State, input: Input, now: Instant): Step {
  const turn = new Turn(state, now)
  take(turn, input)
  reconcile(turn)
  return { state: turn.state, effects: turn.effects }
}

/** The monotonic ms at which a `tick` is due, or Infinity; `now` is that of the last step. */
export function wakeAt(state: State, now: number): number {
  const { pipeline, promotion, serving, ledger, candidateAt, workers, stop, staleUpTo, restartAt, noteRetryAt } = state
  // A pause that is over and has started nobody is one under `exclusive`: it waits for the end of another worker.
  const waiting = workers.filter((worker) => worker.state.kind !== 'back-off' || worker.state.until > now)
  const times = waiting.map(workerWakeAt)
  if (noteRetryAt !== null && !stop?.isOver) times.push(noteRetryAt)
  if (promotion?.state === 'probation') times.push(promotion.until)
  if (promotion?.state === 'committing' && promotion.retryAt !== null) times.push(promotion.retryAt)
  const isStale = serving !== null && serving.generation <= staleUpTo
  if (!promotion && !stop && isStale && restartAt > now) times.push(restartAt)
  if (!promotion && !stop && pipeline?.state === 'idle') {
    times.push(pipeline.poke ? now : pipeline.nextCheckAt)
    // Once it is past, a candidate waits for something else than time.
    if (ledger.candidate && candidateAt > now) times.push(candidateAt)
  }
  return Math.min(...times, Number.POSITIVE_INFINITY)
}

function take(turn: Turn, input: Input): void {
  switch (input.type) {
    case 'boot':
      boot(turn, input)
      if (input.stop) onOperator(turn, input.stop)
      return
    case 'tick':
      tickNote(turn)
      tickWorkers(turn)
      tellPromotion(turn, { type: 'tick' })
      return tickPipeline(turn)
    case 'stager':
      return onStager(turn, input.report)
    case 'spawned':
      return onSpawned(turn, input.worker, input.pid)
    case 'spawn-failed':
      return onSpawnFailed(turn, input.worker, input.failure)
    case 'worker-ready':
      return onReady(turn, input.worker, input.pid, input.how)
    case 'worker-failed':
      return onFailed(turn, input.worker, input.pid, input.failure)
    case 'worker-exited':
      return onExited(turn, input)
    case 'worker-asks-time':
      return onTimeAsked(turn, input.worker, input.pid, input.ms)
    case 'worker-said': {
      const worker = turn.process(input.worker, input.pid)
      if (worker) turn.update(worker, { status: input.status })
      return
    }
    case 'worker-moved': {
      const worker = turn.process(input.worker, input.pid)
      if (worker) turn.update(worker, { pid: input.to })
      return
    }
    case 'preflight':
    case 'before-hook': {
      const { promotion } = turn.state
      if (promotion?.state !== input.type || promotion.generation !== input.generation) return
      const passed = { type: input.type === 'preflight' ? 'preflight-passed' : 'hook-passed' } as const
      return tellPromotion(turn, input.failure ? { type: 'failed', failure: input.failure } : passed)
    }
    case 'saved':
      return onSaved(turn, input.purpose, input.error)
    case 'listener-lost':
      // Before a worker has it: should this master be killed, the next one looks for it by what is written down.
      turn.note({ ...turn.state.ledger, listeners: input.listeners })
      return turn.set({ staleUpTo: turn.state.generations, restartAt: turn.now.ms })
    case 'settings-changed':
      return askSettings(turn, input.change)
    case 'changed':
      return onChanged(turn)
    case 'upgrade':
    case 'poke':
    case 'rollback':
    case 'restart':
    case 'pause':
    case 'resume':
    case 'scale':
    case 'stop':
      return onOperator(turn, input)
    default:
      return unreachable(input)
  }
}

/** A committed build boots at once, without the network; without one the first check is the start. */
function boot(turn: Turn, { orphans, isRecorded }: BootInput): void {
  const { now } = turn
  const workers = orphans.map(({ pid, build }, index) => ({
    id: index + 1,
    generation: ORPHANS,
    build,
    pid,
    state: { kind: 'ready' } as const,
    startedAt: now.ms,
    since: now.iso,
    restarts: 0,
    failures: 0,
    status: null,
  }))
  turn.set({
    workers,
    workerIds: workers.length,
    noteRetryAt: isRecorded ? null : now.ms + LIMITS.noteRetryMs,
  })
  const home = homeOf(turn.state)
  if (home)
    turn.set({ generations: 1, serving: { generation: 1, build: home, isEstablished: false, isTroubled: false } })
  if (turn.state.policy.source === null) return
  turn.set({ pipeline: newPipeline(now.ms) })
  const { candidate, paused } = turn.state.ledger
  // What was staged while it could not be promoted has waited for this start.
  if (candidate && turn.state.policy.promotes === 'when-asked' && !paused) turn.set({ isInsisted: true })
  if (candidate && candidate.attemptsLeft <= 0) giveUp(turn, candidate.build, 'the master ended in the last attempt')
}

/** What could not be recorded is written again, until it is. */
function tickNote(turn: Turn): void {
  const { noteRetryAt, ledger } = turn.state
  if (noteRetryAt !== null && turn.now.ms >= noteRetryAt) turn.note(ledger)
}

function onNoted(turn: Turn, error: string | null): void {
  if (error !== null && turn.state.noteRetryAt === null)
    turn.emit({
      type: 'warning',
      message: `the state could not be recorded (${error}): what is decided now may be forgotten by a restart`,
    })
  turn.set({ noteRetryAt: error === null ? null : turn.now.ms + LIMITS.noteRetryMs })
}

function onSaved(turn: Turn, purpose: Extract<Input, { type: 'saved' }>['purpose'], error: string | null): void {
  if (purpose === 'note') return onNoted(turn, error)
  if (error !== null) {
    turn.emit({ type: 'warning', message: `the state could not be recorded: ${error}` })
    if (purpose === 'candidate') turn.set({ noteRetryAt: turn.now.ms + LIMITS.noteRetryMs })
    return tellPromotion(turn, {
      type: 'not-recorded',
      reason: `it could not be recorded (${error}), and what cannot be recorded is not started`,
    })
  }
  // Each record is a whole one.
  turn.set({ noteRetryAt: null })
  const { promotion, ledger } = turn.state
  if (!promotion) return
  const { id: build, version } = promotion.target
  if (purpose === 'commit' && ledger.quarantine.some((entry) => entry.build === build)) {
    turn.emit({ type: 'quarantine-lifted', reason: 'it has proved itself after all', build, version })
  }
  turn.set({ ledger: purpose === 'candidate' ? spendAttempt(ledger) : commitLedger(ledger, promotion, turn.now.iso) })
  tellPromotion(turn, { type: 'recorded' })
}
