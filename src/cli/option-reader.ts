/**
 * Options from where they may stand: the command line, else the environment (`--ready-timeout` is
 * AUTOUP_READY_TIMEOUT there), else the configuration file, else nowhere. An empty variable counts as absent. Mistakes
 * name the place.
 */

import { AutoupError } from '../core/errors.ts'
import { environmentName, type FileLayer, type Input } from './command.ts'
import type { Io } from './io.ts'
import { fromEnvironment } from './where.ts'

export interface Given {
  readonly values: readonly string[]
  readonly layer: 'flag' | 'environment' | 'file'
  /** `--interval`, `AUTOUP_INTERVAL`, `autoup.config.json: apps.web.interval`. */
  readonly from: string
  /** What a path in it is relative to: the working directory, or that of the file. */
  readonly base: string
}

/** Where options may stand. */
export interface Layers {
  readonly input: Input
  readonly io: Pick<Io, 'env' | 'cwd'>
  readonly app: FileLayer | null
}

export interface OptionReader {
  /** The last value, parsed, or `fallback`. */
  read<T, F>(flag: string, parse: (text: string, base: string) => T, fallback: F): T | F
  /** All values, parsed. */
  readAll<T>(flag: string, parse: (text: string) => T): T[]
  isOn(flag: string): boolean
}

export function optionReader(layers: Layers): OptionReader {
  const find = (flag: string): Given | null => given(layers, flag)
  return {
    read: (flag, parse, fallback) => {
      const found = find(flag)
      return found ? at(found, () => parse(found.values.at(-1) ?? '', found.base)) : fallback
    },
    readAll: (flag, parse) => {
      const found = find(flag)
      return found ? found.values.map((value) => at(found, () => parse(value))) : []
    },
    isOn: (flag) => {
      if (layers.input.options.has(flag)) return true
      const found = find(flag)
      return found ? at(found, () => parseSwitch(found.values.at(-1) ?? '')) : false
    },
  }
}

/** The first place in which the option stands, or null. */
export function given({ input, io, app }: Layers, flag: string): Given | null {
  const values = input.options.get(flag)
  if (values) return { values, layer: 'flag', from: `--${flag}`, base: io.cwd }
  const variable = environmentName({ flag })
  const value = fromEnvironment(io.env, variable)
  if (value !== undefined) {
    // The only list: addresses hold no spaces.
    const all = flag === 'listen' ? value.split(/\s+/).filter(Boolean) : [value]
    return { values: all, layer: 'environment', from: variable, base: io.cwd }
  }
  const configured = app?.values.get(flag)
  return app && configured
    ? { values: configured.values, layer: 'file', from: configured.place, base: app.directory }
    : null
}

/** A mistake in a file is one of the configuration, wherever else it would be one of usage. */
function at<T>({ from, layer }: Given, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof AutoupError)) throw error
    const code = layer === 'file' && error.code === 'usage' ? 'config' : error.code
    throw new AutoupError(code, `${from}: ${error.message}`, { data: error.data, cause: error })
  }
}

function parseSwitch(text: string): boolean {
  if (/^(?:1|true|yes|on)$/i.test(text)) return true
  if (/^(?:0|false|no|off)$/i.test(text)) return false
  throw new AutoupError('usage', `'${text}' is neither 1 nor 0`)
}
