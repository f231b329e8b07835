/** One step in the making: the state so far and the effects so far. Created and dropped within `step`. */

import type { Build, BuildId } from './build.ts'
import { COMMAND } from './build.ts'
import type { AutoupEvent, Outcome } from './events.ts'
import { LIMITS } from './settings.ts'
import type { Activity, Effect, Instant, State } from './state.ts'
import { identityOf, type Worker } from './workers.ts'

export class Turn {
  state: State
  readonly now: Instant
  readonly effects: Effect[] = []

  constructor(state: State, now: Instant) {
    this.state = state
    this.now = now
  }

  set(change: Partial<State>): void {
    this.state = { ...this.state, ...change }
  }

  do(effect: Effect): void {
    this.effects.push(effect)
  }

  emit(event: AutoupEvent): void {
    this.effects.push({ type: 'emit', event })
  }

  settle(activity: Activity, outcome: Outcome, message: string, version: string | null = null): void {
    this.effects.push({ type: 'settle', activity, outcome, message, version })
    this.emit({ type: 'settled', outcome, message, version })
  }

  /** Writes down what changed, where nobody waits for it. */
  note(ledger: State['ledger']): void {
    this.set({ ledger })
    this.do({ type: 'save', purpose: 'note', ledger })
  }

  worker(id: number): Worker | null {
    return this.state.workers.find((worker) => worker.id === id) ?? null
  }

  /** The worker, if this is still its process. */
  process(id: number, pid: number): Worker | null {
    const worker = this.worker(id)
    return worker?.pid === pid ? worker : null
  }

  update(worker: Worker, change: Partial<Worker>): Worker {
    const since = change.state && change.state.kind !== worker.state.kind ? this.now.iso : worker.since
    const next = { ...worker, since, ...change }
    this.set({ workers: this.state.workers.map((other) => (other.id === worker.id ? next : other)) })
    return next
  }

  remove(worker: Worker): void {
    this.set({ workers: this.state.workers.filter((other) => other.id !== worker.id) })
  }

  /** Tells a worker to finish, as soon as it has a process; one that waits for its next start is simply gone. */
  drain(worker: Worker, reason: string): void {
    if (worker.state.kind === 'back-off') return this.remove(worker)
    if (worker.state.kind === 'draining') return
    const timeoutMs = this.state.policy.drainTimeoutMs
    const deadlineAt = this.now.ms + timeoutMs
    this.update(worker, {
      state: { kind: 'draining', deadlineAt, latestAt: latest(this.now.ms, timeoutMs), isKilled: false },
    })
    this.emit({ type: 'worker-draining', reason, ...identityOf(worker) })
    if (worker.pid !== null) this.do({ type: 'drain', worker: worker.id, pid: worker.pid })
  }

  /** Ends a worker now. */
  kill(worker: Worker, reason: string): void {
    if (worker.state.kind === 'back-off') return this.remove(worker)
    this.emit({ type: 'worker-killed', reason, ...identityOf(worker) })
    this.killAgain(worker)
  }

  /** A SIGKILL may miss: /proc could not be read, or members of the session were faster. */
  killAgain(worker: Worker): void {
    const deadlineAt = this.now.ms + LIMITS.killAgainMs
    this.update(worker, { state: { kind: 'draining', deadlineAt, latestAt: deadlineAt, isKilled: true } })
    if (worker.pid !== null) this.do({ type: 'kill', worker: worker.id, pid: worker.pid })
  }
}

/** How far EXTEND_TIMEOUT_USEC may move a deadline. */
export function latest(now: number, timeoutMs: number): number {
  return now + timeoutMs * EXTEND_FACTOR
}

const EXTEND_FACTOR = 10

/** What a restart of the master would run: the committed build, or the bare command. */
export function homeOf({ policy, ledger }: State): Build | null {
  if (policy.source === null) return COMMAND
  return ledger.committed ?? (policy.isEmbedded ? COMMAND : null)
}

/** Builds that a sweep must leave alone. */
export function protectedBuilds(state: State): ReadonlySet<BuildId> {
  const { committed, previous, candidate } = state.ledger
  const builds = [
    committed,
    previous,
    candidate?.build ?? null,
    state.serving?.build ?? null,
    ...state.workers.map((worker) => worker.build),
  ]
  return new Set(builds.flatMap((build) => (build ? [build.id] : [])))
}
