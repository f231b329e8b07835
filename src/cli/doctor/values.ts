/** Each option of a service with the value it has, and the place where that was said. */

import { fetcherFor } from '../../../fetchers/index.ts'
import type { EffectiveValue } from '../../core/finding.ts'
import { presetOf } from '../../core/presets.ts'
import { DEFAULTS, type Settings } from '../../core/settings.ts'
import { shownSource } from '../../core/source.ts'
import { sourceIntervalMs } from '../../runtime/stager/token.ts'
import type { OptionSpec } from '../command.ts'
import { DAEMON_OPTIONS } from '../daemon-options.ts'
import type { Loaded } from '../load-settings.ts'
import { given } from '../option-reader.ts'
import { FETCH, NAME, RUN_OPTIONS } from '../run-options.ts'
import { CONFIG, STATE_DIR } from '../where.ts'

/** Throws AutoupError `usage` for a source that is none. */
export async function effectiveValues(loaded: Loaded): Promise<EffectiveValue[]> {
  const { source } = loaded.settings
  const fetcher = source === null ? null : (await fetcherFor(source)).fetcher
  const usualIntervalMs = fetcher && (sourceIntervalMs(fetcher, loaded.settings) ?? DEFAULTS.intervalMs)

  const options = [...RUN_OPTIONS, ...DAEMON_OPTIONS].filter(({ flag }) => flag !== CONFIG.flag)
  return [commandValue(loaded), ...options.map((option) => optionValue(option, loaded, usualIntervalMs))]
}

function commandValue({ settings, input, app }: Loaded): EffectiveValue {
  const { command } = settings
  const base = { option: 'command', value: command.join(' ') || 'the entry of the build' }
  if (input.command.length > 0) return { ...base, origin: 'flag', from: '--' }
  if (app && command.length > 0) return { ...base, origin: 'file', from: `${app.file}: command` }
  return { ...base, origin: 'default', from: 'default' }
}

function optionValue(option: OptionSpec, loaded: Loaded, usualIntervalMs: number | null): EffectiveValue {
  const { settings, input, app, io } = loaded
  const { flag } = option
  const found = given(loaded, flag)
  if (flag === NAME.flag && input.name !== undefined && !input.options.has(flag)) {
    return { option: flag, value: settings.name, origin: 'flag', from: 'the command line' }
  }
  if (found) {
    const shown = flag === FETCH.flag ? found.values.map(shownSource) : found.values
    const isOn = option.value === undefined && found.layer === 'flag'
    return { option: flag, value: isOn ? 'on' : shown.join(' '), origin: found.layer, from: found.from }
  }
  if (flag === NAME.flag && app?.key) {
    return { option: flag, value: app.key, origin: 'file', from: `${app.file}: apps.${app.key}` }
  }
  if (flag === STATE_DIR.flag && io.env.STATE_DIRECTORY) {
    return { option: flag, value: settings.stateDir, origin: 'environment', from: 'STATE_DIRECTORY' }
  }
  return { option: flag, value: usualValue(option, settings, usualIntervalMs), origin: 'default', from: 'default' }
}

function usualValue(
  { flag, value, default: usual }: OptionSpec,
  settings: Settings,
  usualIntervalMs: number | null,
): string {
  if (flag === NAME.flag) return settings.name
  if (flag === STATE_DIR.flag) return settings.stateDir
  if (flag === 'log-format') return settings.logFormat
  if (flag === 'interval' && usualIntervalMs !== null) return `${usualIntervalMs / 1_000}s`
  if (flag === 'drain-signal') return presetOf(settings.command)?.drainSignal ?? 'SIGTERM'
  return usual ?? (value === undefined ? 'off' : 'none')
}
