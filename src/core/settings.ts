/**
 * What the operator asked for, checked and in plain values: the only form in which options reach the rest of the
 * program. Defaults and limits stand here once, with their units and reasons.
 */

import type { ListenSpec } from './address.ts'
import type { PageAddress } from './page-address.ts'

export const STRATEGIES = ['blue-green', 'rolling', 'exclusive'] as const

export type Strategy = (typeof STRATEGIES)[number]

/** How a new worker shows that it serves (DESIGN.md section 4). */
export type Ready =
  | { readonly kind: 'auto' }
  | { readonly kind: 'notify' }
  | { readonly kind: 'http'; readonly path: string }
  | { readonly kind: 'tcp' }
  | { readonly kind: 'exec'; readonly command: string }
  | { readonly kind: 'uptime'; readonly ms: number }

export const LOG_FORMATS = ['pretty', 'journal', 'json'] as const

export type LogFormat = (typeof LOG_FORMATS)[number]

export interface Settings {
  readonly name: string
  /** Absolute; holds one folder per name. */
  readonly stateDir: string
  /** The release source as given, or null: the command is supervised as it is. */
  readonly source: string | null
  /** The words after `--`; empty means the build's own entry. */
  readonly command: readonly string[]
  /** Absolute: where a command without a source runs. */
  readonly directory: string
  readonly listen: readonly ListenSpec[]
  readonly instances: number
  readonly strategy: Strategy
  /** Null: what the source needs (`file:` 1 s, `github:` without a token 120 s, else 60 s). */
  readonly intervalMs: number | null
  readonly ready: Ready
  readonly readyTimeoutMs: number
  readonly drainTimeoutMs: number
  /** Null: the preset of the program, else SIGTERM. */
  readonly drainSignal: string | null
  readonly probationMs: number
  /** Shell words of a command that must exit 0 in the staged build, or null. */
  readonly preflight: string | null
  /** Shell words that must exit 0 before a staged build is started, or null. */
  readonly beforePromote: string | null
  /** Shell words, run once a new build is committed, or null. */
  readonly afterCommit: string | null
  /** Shell words, run when a new build has failed or the operator has gone back, or null. */
  readonly afterRollback: string | null
  readonly hookTimeoutMs: number
  /** `NAME[:GROUP]`, or null: the master's own. */
  readonly user: string | null
  readonly envFile: string | null
  /** Node apps are made workers without a change of theirs (docs/workers.md). */
  readonly preload: boolean
  readonly respawn: boolean
  readonly watchdogMs: number | null
  readonly sha256: string | null
  /** Absolute; holds the token for the source. Null: the environment may have one. */
  readonly tokenFile: string | null
  /** The text of a minisign public key: makes a signature mandatory. */
  readonly publicKey: string | null
  /** A release must be this old before it is taken. */
  readonly minAgeMs: number
  /** Takes what nothing vouches for, and http: from anywhere. */
  readonly allowUnverified: boolean
  /** Takes a version below the one in service. */
  readonly allowDowngrade: boolean
  readonly keep: number
  readonly logFormat: LogFormat
  /** Where the page and /metrics are served, or null: nowhere. */
  readonly metrics: PageAddress | null
  /** Null: the master is `autoup run`. */
  readonly embedded: Embedded | null
  /** The master is `autoup dev`. */
  readonly dev: boolean
}

/** What is particular to a program that is its own master (src/embed). */
export interface Embedded {
  /** How the program is started as it lies here: the build COMMAND. */
  readonly command: readonly string[]
  /** What the entry of a fetched build is given: the program's own arguments. */
  readonly args: readonly string[]
  /** `when-asked`: what is staged waits for the operator, or for the next start of the master. */
  readonly promotes: 'always' | 'when-asked'
  /** `SIGUSR2`, … */
  readonly restartSignal: string
  /** That signal drains and stops instead. */
  readonly restartStops: boolean
}

export const DEFAULTS = {
  instances: 1,
  strategy: 'blue-green',
  intervalMs: 60_000,
  /** A local stat costs nothing. */
  fileIntervalMs: 1_000,
  readyTimeoutMs: 30_000,
  drainTimeoutMs: 30_000,
  probationMs: 10_000,
  hookTimeoutMs: 60_000,
  keep: 3,
} as const

export const LIMITS = {
  /** One staged build may be started this often without a verdict before it is given up. */
  attempts: 3,
  /** A crashed worker is started again after this, doubling … */
  respawnFirstMs: 100,
  /** … up to this, for ever. */
  respawnMaxMs: 30_000,
  /** A worker that lived this long starts again with the first delay. */
  respawnQuietMs: 60_000,
  /** After trouble of the machine a candidate is tried again after this, doubling. */
  retryFirstMs: 1_000,
  /** A commit that could not be recorded is tried again after this. */
  commitRetryMs: 1_000,
  /** Whatever else could not be recorded is written again after this. */
  noteRetryMs: 5_000,
  /** After a failed check the next one waits at least this, doubling up to ten intervals. */
  checkRetryFirstMs: 1_000,
  /** A source may ask to be left alone for as long as this, and no longer: budgets of calls are by the hour. */
  sourceWaitMs: 3_600_000,
  /** What is still being published is looked at again after this, or the interval where that is shorter. */
  incompleteRetryMs: 5_000,
  /** A worker that is still there after its SIGKILL gets another one after this. */
  killAgainMs: 1_000,
  /** Old generations that may drain at once; the oldest is ended. */
  drainingGenerations: 4,
  /** `--instances` and TTIN stop here; more is a typo. */
  instances: 1_000,
  preflightMs: 30_000,
  /** Entries of the quarantine that are kept, the newest: it is written with every decision. */
  quarantine: 1_000,
} as const

/** What a check depends on besides its source: when it changes, everything is looked at anew. */
export function lookKey(settings: Settings, launch: string): string {
  const { sha256, publicKey, minAgeMs, allowUnverified, allowDowngrade } = settings
  return JSON.stringify([launch, sha256, publicKey, minAgeMs, allowUnverified, allowDowngrade])
}

/** Whether two looks differ in the launch alone: the same bytes are then trusted for the same reasons. */
export function haveSameRules(one: string, other: string): boolean {
  const [a, b] = [one, other].map((look) => JSON.parse(look) as unknown)
  return Array.isArray(a) && Array.isArray(b) && JSON.stringify(a.slice(1)) === JSON.stringify(b.slice(1))
}

/**
 * The launch of a build: what, besides its bytes, decides how it behaves. A verdict on behaviour holds for this
 * launch only, so a corrected configuration lifts it.
 */
export function launchKey(settings: Settings, environment: string): string {
  const { command, ready, listen, user, preflight, beforePromote, readyTimeoutMs, preload, embedded } = settings
  return JSON.stringify([
    command,
    ready,
    listen.map((spec) => spec.address),
    user,
    preflight,
    readyTimeoutMs,
    environment,
    preload,
    ...(embedded === null ? [] : [embedded.args]),
    ...(beforePromote === null ? [] : [{ beforePromote }]),
  ])
}
