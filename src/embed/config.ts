/**
 * What `run` takes: the ordinary options of `autoup run`, in camel case, and what only a program that is its own master
 * can say. They are put into the form in which the command line gives them, so that the same checks apply, AUTOUP_*
 * variables stand in for what is left out, and a mistake is the same sentence.
 */

import type { Input } from '../cli/command.ts'
import { RUN_OPTIONS } from '../cli/run-options.ts'
import type { Build } from '../core/build.ts'
import { AutoupError } from '../core/errors.ts'
import type { State } from './state.ts'

/** `'500ms'`, `'30s'`, `'5m'`, `'1h'`, or a number of milliseconds. */
export type Duration = string | number

export interface RunConfig {
  /** The program itself, run in the worker. Without listeners it is ready when this has come back. */
  readonly program: (state: State) => unknown
  /** `'8080'`, `'127.0.0.1:8080'`, `'[::1]:8080'`, `'unix:/run/app.sock'`, `'http=8080'`, or several. */
  readonly listen?: string | number | readonly (string | number)[]
  /** The release source; the program is replaced by what is released there. Default: none. */
  readonly fetch?: string
  /** What this version of the program is called, such as `'1.4.2'`: no release below it is taken. */
  readonly version?: string
  /** What starts a fetched build. Default: its own entry, with the arguments of this program. */
  readonly command?: readonly string[]
  /** Where there can be no master, fail instead of running the program without one. Default: false. */
  readonly required?: boolean
  /** Called in the master for each new build before it is started; throw to turn it down. */
  readonly preUpgrade?: (file: string, build: Build) => unknown
  /** New builds wait for the next start, and the restart signal drains and stops. Default: false. */
  readonly noRestart?: boolean
  /** New builds wait for the restart signal, for `autoup upgrade`, or for the next start. Default: false. */
  readonly noRestartAfterFetch?: boolean
  /** Asks the master to check now and swap, or to restart gracefully where nothing is new. Default: SIGUSR2. */
  readonly restartSignal?: string
  /** How often the source is asked. Default: 60 s, `file:` 1 s. */
  readonly interval?: Duration
  /** How long an old worker may take to finish. Default: 30 s. */
  readonly drainTimeout?: Duration
  /** Default: SIGTERM. */
  readonly drainSignal?: string
  readonly name?: string
  readonly stateDir?: string
  readonly instances?: number
  readonly strategy?: 'blue-green' | 'rolling' | 'exclusive'
  readonly ready?: string
  readonly readyTimeout?: Duration
  readonly probation?: Duration
  readonly minAge?: Duration
  readonly watchdog?: Duration
  readonly preflight?: string
  /** Commands of the operator's (docs/hooks.md). */
  readonly beforePromote?: string
  readonly afterCommit?: string
  readonly afterRollback?: string
  /** Default: 60 s. */
  readonly hookTimeout?: Duration
  readonly user?: string
  readonly envFile?: string
  readonly sha256?: string
  readonly publicKey?: string
  readonly tokenFile?: string
  readonly keep?: number
  readonly logFormat?: 'pretty' | 'journal' | 'json'
  /** Serves a read-only page and /metrics: 9090 (of loopback), `'*:9090'`, `'*:9090?host=NAME'`. Default: nowhere. */
  readonly metrics?: string | number
  readonly noRespawn?: boolean
  readonly allowUnverified?: boolean
  readonly allowDowngrade?: boolean
}

/** What is no option of the command line. */
const OWN: ReadonlySet<string> = new Set<keyof RunConfig>([
  'program',
  'version',
  'command',
  'required',
  'preUpgrade',
  'noRestart',
  'noRestartAfterFetch',
  'restartSignal',
])

/** Whom the preload is for, knows nothing of autoup. */
const NOT_HERE: ReadonlySet<string> = new Set(['config', 'no-preload'])

const FLAGS: ReadonlySet<string> = new Set(RUN_OPTIONS.map(({ flag }) => flag).filter((flag) => !NOT_HERE.has(flag)))

/** Throws AutoupError `usage` for what `run` does not know. `command` is the program, for its name. */
export function toInput(config: RunConfig, command: readonly string[]): Input {
  if (typeof config?.program !== 'function') {
    throw new AutoupError('usage', 'run() has no program: give it as run({ program: (state) => … })')
  }
  const options = new Map<string, readonly string[]>()
  for (const [key, value] of Object.entries(config) as [string, unknown][]) {
    if (value === undefined || OWN.has(key)) continue
    if (!FLAGS.has(flagOf(key))) throw new AutoupError('usage', `run() knows no option '${key}': see docs/embedding.md`)
    const values = valuesOf(key, value)
    if (values !== null) options.set(flagOf(key), values)
  }
  return { options, name: undefined, command }
}

/** `drainTimeout` is --drain-timeout. */
export function flagOf(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** `drain-timeout` is drainTimeout. */
export function keyOf(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

/** Null for a switch that is off. */
function valuesOf(key: string, value: unknown): readonly string[] | null {
  if (value === false) return null
  if (value === true) return ['']
  return (Array.isArray(value) ? value : [value]).map((each) => textOf(key, each))
}

const DURATIONS: ReadonlySet<string> = new Set<keyof RunConfig>([
  'interval',
  'drainTimeout',
  'readyTimeout',
  'probation',
  'minAge',
  'watchdog',
  'hookTimeout',
])

function textOf(key: string, value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return DURATIONS.has(key) ? `${value}ms` : String(value)
  throw new AutoupError(
    'usage',
    `${key} cannot be ${value === null ? 'null' : `of type ${typeof value}`}: leave it out`,
  )
}
