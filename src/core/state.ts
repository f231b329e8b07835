/**
 * The whole state of a master, what reaches it as events and what leaves it as effects. Time, processes and files are
 * outside: the runtime carries out effects in order, one after the other, and reports what came of them as inputs.
 * `save` is answered at once, before any other input: nothing happens between asking and knowing.
 */

import type { Build } from './build.ts'
import type { AutoupEvent, CheckResult, Outcome } from './events.ts'
import type { Ledger } from './ledger.ts'
import type { Pipeline, Poke, StagerReport } from './pipeline.ts'
import type { Failure, Promotion } from './promotion.ts'
import type { Embedded, Strategy } from './settings.ts'
import type { Worker } from './workers.ts'

/** One moment on both clocks. Decisions use `ms`; `iso` is only shown. */
export interface Instant {
  /** Monotonic milliseconds. */
  readonly ms: number
  readonly iso: string
}

/** What the machine needs of the settings. */
export interface Policy {
  /** Null: the command is supervised as it is. */
  readonly source: string | null
  readonly strategy: Strategy
  readonly intervalMs: number
  readonly readyTimeoutMs: number
  readonly drainTimeoutMs: number
  readonly probationMs: number
  readonly hasPreflight: boolean
  readonly hasBeforeHook: boolean
  /** Until a build is committed the program serves as it lies here. */
  readonly isEmbedded: boolean
  readonly promotes: Embedded['promotes']
  readonly respawn: boolean
  /** A worker that dies before it is ready waits for other files. */
  readonly waitsForChange: boolean
  /** See launchKey(). */
  readonly launch: string
  /** See lookKey(). */
  readonly look: string
}

/** What a changed configuration asks for. */
export interface SettingsChange {
  readonly policy: Policy
  /** Workers per generation where that number changed; else what TTIN and TTOU made of it stands. */
  readonly instances: number | null
  /** The workers that run were started with something else. */
  readonly needsWorkers: boolean
  /** To be written down. */
  readonly listeners: Ledger['listeners']
}

export interface Serving {
  readonly generation: number
  readonly build: Build
  /** All its workers have been ready once; until then whoever served before goes on serving. */
  readonly isEstablished: boolean
  /** It has failed to become ready at least once: a new release is not held up by it. */
  readonly isTroubled: boolean
}

export interface State {
  readonly policy: Policy
  readonly ledger: Ledger
  /** Null without a source. */
  readonly pipeline: Pipeline | null
  readonly promotion: Promotion | null
  readonly serving: Serving | null
  readonly workers: readonly Worker[]
  /** Workers per generation now, and as asked for; the second takes effect between promotions. */
  readonly instances: number
  readonly instancesAsked: number
  /** A changed configuration that waits for the end of a promotion. */
  readonly settingsAsked: SettingsChange | null
  /** Numbers given out so far. */
  readonly generations: number
  readonly workerIds: number
  /** When the candidate may be started; moved into the future by trouble of the machine. */
  readonly candidateAt: number
  /** The operator asked for this candidate: a pause does not stand in its way. */
  readonly isInsisted: boolean
  /** A poke that finds nothing new ends in a graceful restart. */
  readonly isRestartWanted: boolean
  /** Generations up to this one hold a socket that was lost: they are replaced, however often that fails. */
  readonly staleUpTo: number
  /** When a restart that failed may be tried again. */
  readonly restartAt: number
  readonly restartsWhenUnchanged: boolean
  /** The check under way began on terms that an operator has changed since: what it says is not remembered. */
  readonly isCheckOutdated: boolean
  /** What was decided is not on the disk yet: when it is written again. Until then no candidate is started. */
  readonly noteRetryAt: number | null
  readonly lastCheck: { readonly at: string; readonly result: CheckResult; readonly message: string } | null
  readonly stop: { readonly status: number; readonly isOver: boolean } | null
}

/** What an operator can ask for. Each ends in exactly one `settle` effect of the same activity, or none (pause …). */
export type Activity = 'upgrade' | 'rollback' | 'restart'

export interface StopInput {
  readonly type: 'stop'
  readonly reason: string
  readonly isUrgent: boolean
  readonly status: number
}

export interface BootInput {
  readonly type: 'boot'
  /** Workers of a killed master that still run. */
  readonly orphans: readonly { readonly pid: number; readonly build: Build }[]
  /** Whether the ledger of this start is on the disk. */
  readonly isRecorded: boolean
  /** Came while the master booted: nothing is started any more. */
  readonly stop: StopInput | null
}

export type Input =
  | BootInput
  | { readonly type: 'tick' }
  | { readonly type: 'stager'; readonly report: StagerReport }
  | { readonly type: 'spawned'; readonly worker: number; readonly pid: number }
  | { readonly type: 'spawn-failed'; readonly worker: number; readonly failure: Failure }
  | { readonly type: 'worker-ready'; readonly worker: number; readonly pid: number; readonly how: string }
  /** The process lives, but is not what it should be: not ready in time, probe failed, watchdog missed. */
  | { readonly type: 'worker-failed'; readonly worker: number; readonly pid: number; readonly failure: Failure }
  | {
      readonly type: 'worker-exited'
      readonly worker: number
      readonly pid: number
      readonly how: string
      readonly status: number
      readonly failure: Failure
    }
  | { readonly type: 'worker-said'; readonly worker: number; readonly pid: number; readonly status: string }
  | { readonly type: 'worker-asks-time'; readonly worker: number; readonly pid: number; readonly ms: number }
  /** MAINPID=: the process to signal and to watch is another one of the same worker. */
  | { readonly type: 'worker-moved'; readonly worker: number; readonly pid: number; readonly to: number }
  /** Of the promotion of this generation; another one has its own. */
  | { readonly type: 'preflight' | 'before-hook'; readonly generation: number; readonly failure: Failure | null }
  | { readonly type: 'saved'; readonly purpose: SavePurpose; readonly error: string | null }
  /**
   * A shared socket was lost and bound anew: only new workers can have it. `listeners` is what is to be written down.
   */
  | { readonly type: 'listener-lost'; readonly listeners: Ledger['listeners'] }
  | { readonly type: 'settings-changed'; readonly change: SettingsChange }
  | { readonly type: 'upgrade'; readonly again: boolean; readonly resetTrust?: boolean }
  /** SIGUSR2: check and swap, and where nothing is new restart gracefully. */
  | { readonly type: 'poke' }
  | { readonly type: 'rollback' }
  | { readonly type: 'restart' }
  /** The files of the command, under `autoup dev`. */
  | { readonly type: 'changed' }
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  | { readonly type: 'scale'; readonly by: 1 | -1 }
  | StopInput

/** `note` is not waited for: where it fails it is written again later. */
export type SavePurpose = 'candidate' | 'commit' | 'note'

export type Effect =
  | { readonly type: 'spawn'; readonly worker: number; readonly generation: number; readonly build: Build }
  | { readonly type: 'drain'; readonly worker: number; readonly pid: number }
  | { readonly type: 'kill'; readonly worker: number; readonly pid: number }
  /** Not ready in time: find out why and answer with `worker-failed`. */
  | { readonly type: 'diagnose'; readonly worker: number; readonly pid: number }
  | { readonly type: 'stage'; readonly asked: Poke | null }
  | { readonly type: 'stop-stager' }
  /** Ends the check of the pipeline, and no job that is asked for beside it. */
  | { readonly type: 'stop-check' }
  /** The changed configuration holds from here on. */
  | { readonly type: 'apply-settings' }
  | { readonly type: 'preflight'; readonly generation: number; readonly build: Build }
  | { readonly type: 'before-hook'; readonly generation: number; readonly build: Build }
  | { readonly type: 'save'; readonly purpose: SavePurpose; readonly ledger: Ledger }
  | { readonly type: 'sweep' }
  | { readonly type: 'emit'; readonly event: AutoupEvent }
  | {
      readonly type: 'settle'
      readonly activity: Activity
      readonly outcome: Outcome
      readonly message: string
      readonly version: string | null
    }
  | { readonly type: 'exit'; readonly status: number }
