/** The supervisor's state as the documented status. */

import { type Build, COMMAND } from '../../core/build.ts'
import { heldUnder } from '../../core/quarantine.ts'
import { type CallBudget, shownSource } from '../../core/source.ts'
import type { State } from '../../core/state.ts'
import type { BudgetStatus, BuildStatus, MasterState, Standing, Status } from '../../core/status.ts'
import type { Worker } from '../../core/workers.ts'
import { awakeMs } from '../../system/awake.ts'
import type { Listener } from '../../system/listeners.ts'
import { connectionsOf, memoryOf } from '../workers/connections.ts'

export interface StatusContext {
  readonly name: string
  readonly startedAt: string
  readonly listeners: readonly Listener[]
  readonly budget: CallBudget | null
}

export function toStatus(state: State, context: StatusContext): Status {
  const { ledger, policy, serving } = state
  const { name, startedAt: since, listeners } = context
  const count = connectionsOf(listeners)
  return {
    name,
    pid: process.pid,
    ...standingOf(state),
    since,
    source: policy.source === null ? null : shownSource(policy.source),
    listen: listeners.map((listener) => ({ name: listener.name, address: listener.shown })),
    previous: buildStatus(ledger.previous),
    generation: serving?.generation ?? 0,
    workers: state.workers.map((worker) => workerStatus(worker, count)),
    budget: budgetStatus(context.budget),
    quarantine: heldUnder(ledger, policy.launch).map(({ build, version, reason, at }) => ({
      build,
      version,
      reason,
      at,
    })),
  }
}

/** Without a look at the workers' processes: cheap enough for every turn of the loop. */
export function standingOf(state: State): Standing {
  const { ledger, policy, pipeline, promotion } = state
  return {
    state: masterState(state),
    current: policy.source === null ? buildStatus(COMMAND) : buildStatus(ledger.committed),
    candidate: buildStatus(
      promotion && promotion.purpose !== 'restart' ? promotion.target : (ledger.candidate?.build ?? null),
    ),
    instances: state.instancesAsked,
    workers: state.workers.map((worker) => ({ state: worker.state.kind })),
    lastCheck: state.lastCheck,
    nextCheckAt: pipeline?.state === 'idle' ? wallClock(pipeline.nextCheckAt) : null,
    paused: ledger.paused,
  }
}

function masterState({ stop, promotion, pipeline, ledger }: State): MasterState {
  if (stop) return 'stopping'
  if (promotion) {
    if (promotion.state === 'returning' || (promotion.purpose === 'rollback' && promotion.state === 'starting'))
      return 'rolling-back'
    return promotion.state === 'probation' || promotion.state === 'committing' ? 'probation' : 'promoting'
  }
  if (pipeline && pipeline.state !== 'idle') return pipeline.state
  return ledger.candidate ? 'staged' : 'idle'
}

function buildStatus(build: Build | null): BuildStatus | null {
  if (!build) return null
  const { id, version, stagedAt, committedAt, proofs } = build
  return { build: id, version, stagedAt, committedAt, proofs }
}

function budgetStatus(budget: CallBudget | null): BudgetStatus | null {
  if (budget === null) return null
  const { calls, blockedUntil } = budget
  const moment = (ms: number | null | undefined) => (ms == null ? null : new Date(ms).toISOString())
  return {
    limit: calls?.limit ?? null,
    remaining: calls?.remaining ?? null,
    resetAt: moment(calls?.resetAt),
    blockedUntil: moment(blockedUntil),
  }
}

function workerStatus(worker: Worker, count: (pid: number) => number): Status['workers'][number] {
  const { pid, build, generation, state, since, restarts, status } = worker
  return {
    pid,
    build: build.id,
    version: build.version,
    generation,
    state: state.kind,
    since,
    restarts,
    connections: pid === null ? null : count(pid),
    memory: pid === null ? null : memoryOf(pid),
    status: status ?? '',
  }
}

/** A moment of the monotonic clock as wall time: only to be shown. */
function wallClock(ms: number): string {
  return new Date(Date.now() + ms - awakeMs()).toISOString()
}
