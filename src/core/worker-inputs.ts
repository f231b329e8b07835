/** What happens to workers: started, ready, failed, gone, late. Who replaces them is decided in reconcile.ts. */

import { backoffMs } from './backoff.ts'
import { onOperator } from './operator.ts'
import type { Failure } from './promotion.ts'
import { LIMITS } from './settings.ts'
import type { Input } from './state.ts'
import type { Turn } from './turn.ts'
import { failPromotion, tellPromotion } from './verdicts.ts'
import { identityOf, type Worker } from './workers.ts'

export function onSpawned(turn: Turn, id: number, pid: number): void {
  const worker = turn.worker(id)
  if (!worker) return
  turn.emit({ type: 'worker-started', ...identityOf(turn.update(worker, { pid })) })
  if (worker.state.kind === 'draining') turn.do({ type: worker.state.isKilled ? 'kill' : 'drain', worker: id, pid })
}

export function onSpawnFailed(turn: Turn, id: number, failure: Failure): void {
  const worker = turn.worker(id)
  if (worker) gone(turn, worker, failure, 1)
}

export function onReady(turn: Turn, id: number, pid: number, how: string): void {
  const worker = turn.process(id, pid)
  if (worker?.state.kind !== 'starting') return
  turn.update(worker, { state: { kind: 'ready' } })
  turn.emit({ type: 'worker-ready', afterMs: Math.round(turn.now.ms - worker.startedAt), how, ...identityOf(worker) })
}

/** It lives, but is not what it should be. A candidate fails its promotion; a serving worker is ended and replaced. */
export function onFailed(turn: Turn, id: number, pid: number, failure: Failure): void {
  const worker = turn.process(id, pid)
  if (!worker || worker.state.kind === 'draining' || worker.state.kind === 'back-off') return
  if (isOnTrial(turn, worker)) return failPromotion(turn, failure)
  turn.drain(worker, 'failed')
  replace(turn, worker, failure)
}

export function onExited(turn: Turn, input: Extract<Input, { type: 'worker-exited' }>): void {
  const worker = turn.process(input.worker, input.pid)
  if (!worker) return
  const expected = worker.state.kind === 'draining'
  turn.emit({
    type: 'worker-exited',
    how: input.how,
    expected,
    afterMs: Math.round(turn.now.ms - worker.startedAt),
    ...identityOf(worker),
  })
  gone(turn, worker, input.failure, input.status)
}

export function onTimeAsked(turn: Turn, id: number, pid: number, ms: number): void {
  const worker = turn.process(id, pid)
  if (worker?.state.kind !== 'starting' && worker?.state.kind !== 'draining') return
  const deadlineAt = Math.min(worker.state.latestAt, Math.max(worker.state.deadlineAt, turn.now.ms + ms))
  turn.update(worker, { state: { ...worker.state, deadlineAt } })
}

export function tickWorkers(turn: Turn): void {
  for (const worker of turn.state.workers) {
    const { state } = worker
    if (state.kind === 'starting' && turn.now.ms >= state.deadlineAt && worker.pid !== null) {
      turn.update(worker, {
        state: { ...state, deadlineAt: Number.POSITIVE_INFINITY, latestAt: Number.POSITIVE_INFINITY },
      })
      turn.do({ type: 'diagnose', worker: worker.id, pid: worker.pid })
    }
    if (state.kind !== 'draining' || turn.now.ms < state.deadlineAt) continue
    if (state.isKilled) turn.killAgain(worker)
    else turn.kill(worker, 'the drain timeout has passed')
  }
}

/** Its process is gone, or never came to be. */
function gone(turn: Turn, worker: Worker, failure: Failure, status: number): void {
  const { policy, stop } = turn.state
  turn.remove(worker)
  if (stop) return
  if (worker.state.kind !== 'draining') {
    if (isOnTrial(turn, worker)) return failPromotion(turn, failure)
    replace(turn, worker, failure)
  }
  const { serving, promotion, workers } = turn.state
  const isLast =
    serving?.generation === worker.generation && !workers.some((each) => each.generation === worker.generation)
  if (policy.respawn || promotion || !isLast) return
  const reason = 'the last worker has ended, and none is started again (--no-respawn)'
  onOperator(turn, { type: 'stop', reason, isUrgent: false, status })
}

/** A worker that serves is started again, for ever, after a pause that grows while it keeps dying. */
function replace(turn: Turn, worker: Worker, failure: Failure): void {
  const { serving, promotion, workers, workerIds, policy, instances, instancesAsked } = turn.state
  if (serving?.generation !== worker.generation) return
  // Only a promotion, which relies on those that serve, keeps them up all the same.
  if (!policy.respawn && !promotion) return turn.set({ instances: instances - 1, instancesAsked: instancesAsked - 1 })
  const failures = turn.now.ms - worker.startedAt >= LIMITS.respawnQuietMs ? 1 : worker.failures + 1
  // What has never worked will not by itself.
  const waits = policy.waitsForChange && worker.state.kind !== 'ready'
  const retryInMs = waits ? null : backoffMs(failures, LIMITS.respawnFirstMs, LIMITS.respawnMaxMs)
  const state = {
    kind: 'back-off',
    until: retryInMs === null ? Number.POSITIVE_INFINITY : turn.now.ms + retryInMs,
  } as const
  const next = {
    ...worker,
    id: workerIds + 1,
    pid: null,
    state,
    since: turn.now.iso,
    restarts: worker.restarts + 1,
    failures,
    status: null,
  }
  turn.set({ workerIds: next.id, workers: [...workers, next] })
  turn.emit({ type: 'worker-failed', reason: failure.reason, retryInMs, ...identityOf(worker) })
  if (serving.isEstablished) return
  // It never stood, so nobody need wait for it any longer.
  turn.set({ serving: { ...serving, isTroubled: true } })
  tellPromotion(turn, { type: 'return-failed' })
}

/** The promotion stands or falls with it. */
function isOnTrial(turn: Turn, worker: Worker): boolean {
  const { promotion } = turn.state
  return (
    promotion?.generation === worker.generation && (promotion.state === 'starting' || promotion.state === 'probation')
  )
}
