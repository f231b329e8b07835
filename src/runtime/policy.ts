/** What the supervisor needs of the settings. */

import { DEFAULTS, launchKey, lookKey, type Settings } from '../core/settings.ts'
import type { Policy } from '../core/state.ts'
import { readEnvFile } from '../system/environment.ts'

/** `sourceIntervalMs` is what the fetcher thinks right where the operator says nothing. */
export function policyOf(settings: Settings, sourceIntervalMs: number | null): Policy {
  const { source, strategy, readyTimeoutMs, drainTimeoutMs, probationMs, preflight, respawn, envFile, embedded } =
    settings
  const environment = envFile === null ? '' : JSON.stringify(readEnvFile(envFile))
  const launch = launchKey(settings, environment)
  return {
    source,
    strategy,
    intervalMs: settings.intervalMs ?? sourceIntervalMs ?? DEFAULTS.intervalMs,
    readyTimeoutMs,
    drainTimeoutMs,
    probationMs,
    hasPreflight: preflight !== null || embedded !== null,
    isEmbedded: embedded !== null,
    promotes: embedded?.promotes ?? 'always',
    respawn,
    launch,
    look: lookKey(settings, launch),
  }
}
