/** What a changed configuration changes, and how far that reaches in a master that runs. */

import type { Settings } from './settings.ts'

/**
 * `fixed`: it is what this master is, or what it was started for. `workers`: they were started with it, so there must
 * be new ones. `master`: it is asked at the moment it matters.
 */
type Reach = 'fixed' | 'workers' | 'master'

/** By the name of the option. */
const REACH: Readonly<Record<keyof Settings, readonly [option: string, reach: Reach]>> = {
  name: ['name', 'fixed'],
  stateDir: ['state-dir', 'fixed'],
  source: ['fetch', 'master'],
  command: ['command', 'workers'],
  directory: ['command', 'workers'],
  listen: ['listen', 'workers'],
  instances: ['instances', 'master'],
  strategy: ['strategy', 'master'],
  intervalMs: ['interval', 'master'],
  ready: ['ready', 'master'],
  readyTimeoutMs: ['ready-timeout', 'master'],
  // The preload of a Node worker is told both.
  drainTimeoutMs: ['drain-timeout', 'workers'],
  drainSignal: ['drain-signal', 'workers'],
  probationMs: ['probation', 'master'],
  preflight: ['preflight', 'master'],
  beforePromote: ['before-promote', 'master'],
  afterCommit: ['after-commit', 'master'],
  afterRollback: ['after-rollback', 'master'],
  hookTimeoutMs: ['hook-timeout', 'master'],
  user: ['user', 'workers'],
  envFile: ['env-file', 'workers'],
  preload: ['no-preload', 'workers'],
  respawn: ['no-respawn', 'master'],
  watchdogMs: ['watchdog', 'workers'],
  sha256: ['sha256', 'master'],
  tokenFile: ['token-file', 'master'],
  publicKey: ['public-key', 'master'],
  minAgeMs: ['min-age', 'master'],
  allowUnverified: ['allow-unverified', 'master'],
  allowDowngrade: ['allow-downgrade', 'master'],
  keep: ['keep', 'master'],
  logFormat: ['log-format', 'master'],
  metrics: ['metrics', 'fixed'],
  embedded: ['the program itself', 'fixed'],
  dev: ['dev', 'fixed'],
}

export interface Difference {
  /** Names of options, each once. */
  readonly changed: readonly string[]
  /** Those of them that need another master. */
  readonly fixed: readonly string[]
  readonly needsWorkers: boolean
}

export function compareSettings(before: Settings, after: Settings): Difference {
  const keys = (Object.keys(REACH) as (keyof Settings)[]).filter(
    (key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]),
  )
  // What runs is either a command or the builds of a source.
  const isOtherKind = (before.source === null) !== (after.source === null)
  const isFixed = (key: keyof Settings): boolean => REACH[key][1] === 'fixed' || (key === 'source' && isOtherKind)
  return {
    changed: optionsOf(keys),
    fixed: optionsOf(keys.filter(isFixed)),
    needsWorkers: keys.some((key) => REACH[key][1] === 'workers'),
  }
}

function optionsOf(keys: readonly (keyof Settings)[]): string[] {
  return [...new Set(keys.map((key) => REACH[key][0]))]
}
