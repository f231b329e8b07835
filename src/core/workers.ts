/**
 * The workers as the supervisor sees them. A worker is one start, from the wait for it to the end of its process: who
 * takes the place of one that died is another. Pure values; who is to live and who to go is decided in reconcile.ts.
 */

import type { Build } from './build.ts'

export type WorkerState =
  /** The process is started, or about to be; `latestAt` is how far EXTEND_TIMEOUT_USEC may move the deadline. */
  | { readonly kind: 'starting'; readonly deadlineAt: number; readonly latestAt: number }
  | { readonly kind: 'ready' }
  /** Told to finish; killed at the deadline, and, if that did not help, again at the next one. */
  | { readonly kind: 'draining'; readonly deadlineAt: number; readonly latestAt: number; readonly isKilled: boolean }
  /** No process yet; started then, in the place of one that died. */
  | { readonly kind: 'back-off'; readonly until: number }

export interface Worker {
  readonly id: number
  readonly generation: number
  readonly build: Build
  readonly pid: number | null
  readonly state: WorkerState
  /** When its process was started; monotonic ms. */
  readonly startedAt: number
  /** When it came into this state; ISO 8601. */
  readonly since: string
  /** How many died in its place before it. */
  readonly restarts: number
  /** Deaths in a row, for the back-off. */
  readonly failures: number
  /** Its last STATUS=. */
  readonly status: string | null
}

/** The generation of workers that a killed master left behind; this master's own count from 1. */
export const ORPHANS = 0

export function isLive(worker: Worker): boolean {
  return worker.state.kind === 'starting' || worker.state.kind === 'ready'
}

/** Has a process, or is about to. */
export function hasProcess(worker: Worker): boolean {
  return worker.state.kind !== 'back-off'
}

/** Counts towards what a generation should have. */
export function isKept(worker: Worker): boolean {
  return worker.state.kind !== 'draining'
}

export function readyCount(workers: readonly Worker[], generation: number): number {
  return workers.filter((worker) => worker.generation === generation && worker.state.kind === 'ready').length
}

/** The next moment at which a worker needs something done, or Infinity. */
export function wakeAt(worker: Worker): number {
  switch (worker.state.kind) {
    case 'starting':
      // There is nobody yet whom to ask why.
      return worker.pid === null ? Number.POSITIVE_INFINITY : worker.state.deadlineAt
    case 'draining':
      return worker.state.deadlineAt
    case 'back-off':
      return worker.state.until
    case 'ready':
      return Number.POSITIVE_INFINITY
  }
}

/** What a message or an event may be about. */
export function identityOf(worker: Worker): {
  worker: number
  pid: number
  build: string
  version: string
  generation: number
} {
  const { id, pid, build, generation } = worker
  return { worker: id, pid: pid ?? 0, build: build.id, version: build.version, generation }
}
