/**
 * What a master says of itself: the JSON of `autoup status --json` and `autoup releases --json`. Stable and
 * documented (DESIGN.md section 5): fields are added, never renamed or removed. Times are ISO 8601.
 */

import type { BuildId } from './build.ts'
import type { CheckResult } from './events.ts'

/** Old workers that still drain do not hold back `idle`. */
export type MasterState =
  | 'idle'
  | 'checking'
  | 'fetching'
  | 'verifying'
  | 'staged'
  | 'promoting'
  | 'probation'
  | 'rolling-back'
  | 'stopping'

export interface Status {
  readonly name: string
  readonly pid: number
  readonly state: MasterState
  /** When the master started. */
  readonly since: string
  /** As given to `--fetch`, or null. */
  readonly source: string | null
  readonly listen: readonly { readonly name: string; readonly address: string }[]
  /** What serves. Null until the first build does. */
  readonly current: BuildStatus | null
  /** What a rollback goes back to. */
  readonly previous: BuildStatus | null
  /** What is staged or being promoted. */
  readonly candidate: BuildStatus | null
  /** Workers per generation, as asked for. */
  readonly instances: number
  /** The newest generation that serves; 0 before the first. */
  readonly generation: number
  readonly workers: readonly WorkerStatus[]
  readonly lastCheck: { readonly at: string; readonly result: CheckResult; readonly message: string } | null
  /** What the source still allows, where it counts calls; null where it has not said, or that is over. */
  readonly budget: BudgetStatus | null
  /** Null without a source. */
  readonly nextCheckAt: string | null
  readonly quarantine: readonly QuarantineStatus[]
  readonly paused: boolean
}

/** The part of it that the kernel is not asked for: what the master is at. */
export interface Standing
  extends Pick<Status, 'state' | 'current' | 'candidate' | 'instances' | 'lastCheck' | 'nextCheckAt' | 'paused'> {
  readonly workers: readonly Pick<WorkerStatus, 'state'>[]
}

export interface BudgetStatus {
  /** Calls of one period; null where the source does not say. */
  readonly limit: number | null
  readonly remaining: number | null
  /** When all calls are there again. */
  readonly resetAt: string | null
  /** Before this the source wants not to be asked at all, or null. */
  readonly blockedUntil: string | null
}

export interface BuildStatus {
  readonly build: BuildId
  readonly version: string
  readonly stagedAt: string
  readonly committedAt: string | null
  /** Why its bytes are trusted, strongest first. */
  readonly proofs: readonly string[]
}

export interface WorkerStatus {
  /** Null while it is between two starts. */
  readonly pid: number | null
  readonly build: BuildId
  readonly version: string
  readonly generation: number
  readonly state: 'starting' | 'ready' | 'draining' | 'back-off'
  /** When it entered this state. */
  readonly since: string
  readonly restarts: number
  /** Open connections as the kernel counts them, or null where it cannot be known. */
  readonly connections: number | null
  /** Resident bytes of it and its descendants, or null where it cannot be known. */
  readonly memory: number | null
  /** What it last said with STATUS=, or ''. */
  readonly status: string
}

export interface QuarantineStatus {
  readonly build: BuildId
  readonly version: string
  readonly reason: string
  readonly at: string
}

/** One build of the store: a row of `autoup releases`. */
export interface ReleaseRow {
  readonly build: BuildId
  readonly version: string
  readonly stagedAt: string
  readonly committedAt: string | null
  readonly state: 'current' | 'previous' | 'candidate' | 'quarantined' | 'kept'
  /** Bytes on disk, or null where it was not counted. */
  readonly size: number | null
  /** Why it is held back, or null. */
  readonly reason: string | null
}
