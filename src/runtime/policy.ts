/** What the supervisor needs of the settings. */

import { DEFAULTS, launchKey, lookKey, type Settings } from '../core/settings.ts'
import type { Policy } from '../core/state.ts'
import { readEnvFile } from '../system/environment.ts'

/** `sourceIntervalMs` is what the fetcher thinks right where the operator says nothing. */
export function policyOf(settings: Settings, sourceIntervalMs: number | null): Policy {
  const { source, strategy, readyTimeoutMs, drainTimeoutMs, probationMs, preflight, respawn, embedded } = settings
  const launch = launchKey(settings, environmentOf(settings))
  return {
    source,
    strategy,
    intervalMs: settings.intervalMs ?? sourceIntervalMs ?? DEFAULTS.intervalMs,
    readyTimeoutMs,
    drainTimeoutMs,
    probationMs,
    hasPreflight: preflight !== null || embedded !== null,
    hasBeforeHook: settings.beforePromote !== null,
    isEmbedded: embedded !== null,
    promotes: embedded?.promotes ?? 'always',
    respawn,
    waitsForChange: settings.dev,
    launch,
    look: lookKey(settings, launch),
  }
}

/** What the environment file says, as one text. Throws AutoupError `config`. */
export function environmentOf({ envFile }: Pick<Settings, 'envFile'>): string {
  return envFile === null ? '' : JSON.stringify(readEnvFile(envFile))
}
