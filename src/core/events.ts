/**
 * Everything that autoup says, as data. The core and the runtime emit these; presenters in src/report turn them
 * into lines, JSON and pages; `autoup events` streams them. The `type` and the fields are a public contract.
 */

import type { BuildId } from './build.ts'

interface OfWorker {
  readonly worker: number
  readonly pid: number
  readonly build: BuildId
  readonly version: string
  readonly generation: number
}

interface OfBuild {
  readonly build: BuildId
  readonly version: string
}

export type Hook = 'before-promote' | 'after-commit' | 'after-rollback'

export type Purpose = 'upgrade' | 'rollback' | 'restart'

/** How a request of the operator, or a check, ended. `upgrade` and its like wait for exactly one of these. */
export type Outcome =
  | 'unchanged'
  | 'committed'
  | 'restarted'
  | 'refused'
  | 'rolled-back'
  | 'quarantined'
  | 'incomplete'
  | 'failed'
  | 'stopped'

export type AutoupEvent =
  | { readonly type: 'master-started'; readonly name: string; readonly pid: number; readonly source: string | null }
  | { readonly type: 'master-stopping'; readonly reason: string }
  | { readonly type: 'master-stopped' }
  | {
      readonly type: 'listening'
      readonly name: string
      readonly address: string
      readonly how: 'bound' | 'inherited' | 'taken-back'
    }
  /** Of --metrics: `host:port`. */
  | { readonly type: 'page-opened'; readonly address: string }
  | { readonly type: 'listener-closed'; readonly name: string; readonly address: string }
  | { readonly type: 'listener-tended'; readonly address: string; readonly what: string }
  | { readonly type: 'orphans-found'; readonly pids: readonly number[] }
  | ({ readonly type: 'worker-started' } & OfWorker)
  | ({ readonly type: 'worker-ready'; readonly afterMs: number; readonly how: string } & OfWorker)
  | ({ readonly type: 'worker-draining'; readonly reason: string } & OfWorker)
  | ({ readonly type: 'worker-killed'; readonly reason: string } & OfWorker)
  | ({
      readonly type: 'worker-exited'
      readonly how: string
      readonly expected: boolean
      readonly afterMs: number
    } & OfWorker)
  /** `retryInMs` null: with the next change of the files. */
  | ({ readonly type: 'worker-failed'; readonly reason: string; readonly retryInMs: number | null } & OfWorker)
  | { readonly type: 'check-started'; readonly source: string }
  | { readonly type: 'check-finished'; readonly result: CheckResult; readonly message: string }
  | ({ readonly type: 'release-found'; readonly name: string } & Pick<OfBuild, 'version'>)
  | { readonly type: 'fetch-progress'; readonly version: string; readonly bytes: number; readonly total: number | null }
  /** All its bytes are here, to be verified and unpacked. */
  | ({ readonly type: 'release-fetched' } & Pick<OfBuild, 'version'>)
  | ({ readonly type: 'build-staged'; readonly proofs: readonly string[] } & OfBuild)
  | ({ readonly type: 'build-refused'; readonly reason: string } & OfBuild)
  | ({ readonly type: 'preflight-started' } & OfBuild)
  /** A command of the operator's: --before-promote and its like. */
  | ({ readonly type: 'hook-started'; readonly hook: Hook } & OfBuild)
  /** One that comes before fails its promotion as well. `output`: the last lines that it wrote. */
  | ({
      readonly type: 'hook-failed'
      readonly hook: Hook
      readonly reason: string
      readonly output: readonly string[]
    } & OfBuild)
  | ({ readonly type: 'promotion-started'; readonly purpose: Purpose; readonly generation: number } & OfBuild)
  | ({
      readonly type: 'promotion-ready'
      readonly purpose: Purpose
      readonly generation: number
      readonly afterMs: number
    } & OfBuild)
  | ({ readonly type: 'build-committed'; readonly purpose: Purpose } & OfBuild)
  | ({ readonly type: 'promotion-failed'; readonly purpose: Purpose; readonly reason: string } & OfBuild)
  | ({ readonly type: 'rolled-back'; readonly from: string; readonly reason: string } & OfBuild)
  | ({ readonly type: 'build-quarantined'; readonly reason: string } & OfBuild)
  | ({ readonly type: 'quarantine-lifted'; readonly reason: string } & OfBuild)
  | ({ readonly type: 'build-swept' } & OfBuild)
  /** By `autoup dev`. */
  | { readonly type: 'watch-started'; readonly directory: string }
  /** The first few of them, relative to the directory. */
  | { readonly type: 'files-changed'; readonly paths: readonly string[]; readonly count: number }
  | { readonly type: 'paused' }
  | { readonly type: 'resumed' }
  /** The configuration is read again; always followed by `reload-finished`. */
  | { readonly type: 'reload-started' }
  | { readonly type: 'reload-finished'; readonly outcome: ReloadOutcome; readonly message: string }
  /** Names of options; with `newWorkers` they reach the workers with a new generation. */
  | { readonly type: 'settings-applied'; readonly changed: readonly string[]; readonly newWorkers: boolean }
  | { readonly type: 'instances-changed'; readonly instances: number }
  | { readonly type: 'settled'; readonly outcome: Outcome; readonly message: string; readonly version: string | null }
  | { readonly type: 'warning'; readonly message: string }

/** `waiting`: a promotion is under way; `settings-applied` follows when it has ended. */
export type ReloadOutcome = 'applied' | 'waiting' | 'unchanged' | 'refused'

export type CheckResult = 'unchanged' | 'release' | 'incomplete' | 'error'

/** An event with when it happened (ISO 8601) and its place in this master's life, from 1. */
export type Stamped = AutoupEvent & { readonly at: string; readonly sequence: number }
