/**
 * Who is to live and who is to go. After every input the workers that are there are compared with what each
 * generation should have, and the difference becomes effects. All strategies, respawns, scaling, the return to the
 * old build and the relief of a dead master's workers are rows of one table, `wanted`.
 */

import { applySettings } from './new-settings.ts'
import { LIMITS } from './settings.ts'
import { homeOf, latest, type Turn } from './turn.ts'
import { promote, tellPromotion } from './verdicts.ts'
import { hasProcess, isKept, isLive, ORPHANS, readyCount, type Worker } from './workers.ts'

export function reconcile(turn: Turn): void {
  // A change can make the next one possible (the last old worker is gone: the new ones may start). Each round
  // moves a promotion, a generation or a worker forward, so this ends.
  for (;;) {
    const { promotion, serving, workers } = turn.state
    applySettings(turn)
    applyScale(turn)
    considerCandidate(turn)
    noteProgress(turn)
    for (const generation of generationsOf(turn)) adjust(turn, generation)
    if (promotion === turn.state.promotion && serving === turn.state.serving && workers === turn.state.workers) break
  }
  endOldestDrains(turn)
  leaveWhenStopped(turn)
}

interface Wanted {
  readonly min: number
  readonly max: number
  /** Why those above `max` go. */
  readonly reason: string
}

/** How many workers of this generation there should be now. */
function wanted(turn: Turn, generation: number): Wanted {
  const { state } = turn
  const { promotion, serving, instances, policy, workers } = state
  const isExclusive = policy.strategy === 'exclusive'
  if (state.stop) return { min: 0, max: 0, reason: 'stopping' }
  if (promotion?.generation === generation) {
    switch (promotion.state) {
      case 'starting': {
        const step =
          policy.strategy === 'rolling' ? Math.min(instances, readyCount(workers, generation) + 1) : instances
        return { min: step, max: instances, reason: 'one too many' }
      }
      case 'committing':
        // It serves.
        break
      case 'returning':
        // It makes room for the committed build, which under `exclusive` cannot start beside it.
        if (isExclusive) return { min: 0, max: 0, reason: 'failed' }
        return { min: 0, max: Number.POSITIVE_INFINITY, reason: '' }
      case 'probation':
        return { min: 0, max: Number.POSITIVE_INFINITY, reason: '' }
      default:
        return { min: 0, max: 0, reason: 'not started yet' }
    }
  }
  if (isExclusive && (promotion?.state === 'vacating' || promotion?.state === 'starting')) {
    return { min: 0, max: 0, reason: `${promotion.purpose}, exclusive` }
  }
  if (serving?.generation === generation) {
    if (policy.strategy === 'rolling' && promotion?.state === 'starting') {
      const left = instances - readyCount(workers, promotion.generation)
      return { min: left, max: left, reason: 'replaced' }
    }
    const isInTheWay = (worker: Worker): boolean =>
      worker.generation === generation ? !isKept(worker) : hasProcess(worker)
    return { min: isExclusive && workers.some(isInTheWay) ? 0 : instances, max: instances, reason: 'one too many' }
  }
  // Whoever served before goes on until the serving generation stands; one that was not ready serves nobody.
  const isNeeded = serving !== null && !serving.isEstablished && !isExclusive
  const isFirst = serving === null && generation === ORPHANS
  const hasFailed = generation > (serving?.generation ?? ORPHANS)
  if (!isNeeded && !isFirst) return { min: 0, max: 0, reason: hasFailed ? 'failed' : 'replaced' }
  return { min: 0, max: readyCount(workers, generation), reason: 'failed' }
}

function adjust(turn: Turn, generation: number): void {
  const { min, max, reason } = wanted(turn, generation)
  const kept = turn.state.workers.filter((worker) => worker.generation === generation && isKept(worker))
  for (const worker of leavingFirst(kept).slice(0, Math.max(0, kept.length - max))) turn.drain(worker, reason)
  for (let count = kept.length; count < min; count++) addWorker(turn, generation)
  if (min > 0) respawnDue(turn, generation)
}

function addWorker(turn: Turn, generation: number): void {
  const { state, now } = turn
  const build = generation === state.promotion?.generation ? state.promotion.target : state.serving?.build
  if (!build) return
  const id = state.workerIds + 1
  const worker: Worker = {
    id,
    generation,
    build,
    pid: null,
    state: starting(turn),
    startedAt: now.ms,
    since: now.iso,
    restarts: 0,
    failures: 0,
    status: null,
  }
  turn.set({ workerIds: id, workers: [...state.workers, worker] })
  turn.do({ type: 'spawn', worker: id, generation, build })
}

function respawnDue(turn: Turn, generation: number): void {
  for (const worker of turn.state.workers) {
    if (worker.generation !== generation || worker.state.kind !== 'back-off' || turn.now.ms < worker.state.until)
      continue
    turn.update(worker, { state: starting(turn), startedAt: turn.now.ms })
    turn.do({ type: 'spawn', worker: worker.id, generation, build: worker.build })
  }
}

function starting(turn: Turn): Worker['state'] {
  const { readyTimeoutMs } = turn.state.policy
  return { kind: 'starting', deadlineAt: turn.now.ms + readyTimeoutMs, latestAt: latest(turn.now.ms, readyTimeoutMs) }
}

/** Facts about the workers that the promotion or the serving generation waits for. */
function noteProgress(turn: Turn): void {
  const { promotion, serving, workers, instances } = turn.state
  if (serving && !serving.isEstablished && readyCount(workers, serving.generation) >= instances) {
    turn.set({ serving: { ...serving, isEstablished: true, isTroubled: false } })
    if (turn.state.promotion?.state === 'returning') tellPromotion(turn, { type: 'established' })
  }
  if (
    promotion?.state === 'vacating' &&
    !workers.some((worker) => worker.generation !== promotion.generation && hasProcess(worker))
  ) {
    tellPromotion(turn, { type: 'vacated' })
  }
  if (promotion?.state === 'starting' && readyCount(workers, promotion.generation) >= instances)
    tellPromotion(turn, { type: 'ready' })
}

/** A staged build is promoted as soon as nothing stands against it. */
function considerCandidate(turn: Turn): void {
  const { policy, promotion, pipeline, serving, stop, ledger, candidateAt, isInsisted, isRestartWanted } = turn.state
  if (promotion || stop) return
  // What cannot be recorded is not started.
  const isRecorded = turn.state.noteRetryAt === null
  // While a check runs, what it finds may replace this candidate: it waits for the end.
  const isChecking = pipeline !== null && pipeline.state !== 'idle'
  const isSettled = serving === null || serving.isEstablished || serving.isTroubled
  const { candidate } = ledger
  if (
    candidate &&
    candidate.attemptsLeft > 0 &&
    isRecorded &&
    isSettled &&
    !isChecking &&
    turn.now.ms >= candidateAt &&
    (isInsisted || (policy.promotes === 'always' && !ledger.paused))
  ) {
    return promote(turn, 'upgrade', candidate.build)
  }
  const home = homeOf(turn.state)
  if (!home || !serving?.isEstablished) return
  const isStale = serving.generation <= turn.state.staleUpTo && turn.now.ms >= turn.state.restartAt
  if (isRestartWanted || isStale) promote(turn, 'restart', home)
}

function applyScale(turn: Turn): void {
  const { promotion, instances, instancesAsked } = turn.state
  if (promotion || instances === instancesAsked) return
  turn.set({ instances: instancesAsked })
  turn.emit({ type: 'instances-changed', instances: instancesAsked })
}

function endOldestDrains(turn: Turn): void {
  const draining = turn.state.workers.filter((worker) => worker.state.kind === 'draining' && !worker.state.isKilled)
  const generations = [...new Set(draining.map((worker) => worker.generation))].sort((a, b) => b - a)
  for (const generation of generations.slice(LIMITS.drainingGenerations)) {
    for (const worker of draining) {
      if (worker.generation === generation)
        turn.kill(worker, `${LIMITS.drainingGenerations} younger generations drain already`)
    }
  }
}

function leaveWhenStopped(turn: Turn): void {
  const { stop, workers } = turn.state
  if (stop && !stop.isOver && workers.length === 0) {
    turn.set({ stop: { ...stop, isOver: true } })
    turn.do({ type: 'exit', status: stop.status })
  }
}

/** Those that serve least leave first: waiting, then starting, then the youngest. */
function leavingFirst(workers: readonly Worker[]): readonly Worker[] {
  const rank = (worker: Worker): number => (isLive(worker) ? (worker.state.kind === 'ready' ? 2 : 1) : 0)
  return [...workers].sort((a, b) => rank(a) - rank(b) || b.id - a.id)
}

function generationsOf(turn: Turn): readonly number[] {
  const { promotion, serving, workers } = turn.state
  const all = [promotion?.generation, serving?.generation, ...workers.map((worker) => worker.generation)]
  return [...new Set(all.filter((generation) => generation !== undefined))].sort((a, b) => b - a)
}
