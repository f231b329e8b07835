/**
 * Options from where they may stand: the command line, else the environment (`--ready-timeout` is
 * AUTOUP_READY_TIMEOUT there), else nowhere. An empty variable counts as absent. Mistakes name the place.
 */

import { AutoupError } from '../core/errors.ts'
import type { Input, OptionSpec } from './command.ts'
import type { Environment } from './io.ts'
import { NAME } from './run-options.ts'
import { nameFromEnvironment } from './where.ts'

interface Given {
  readonly values: readonly string[]
  /** `--interval` or `AUTOUP_INTERVAL`. */
  readonly from: string
}

export interface OptionReader {
  /** The last value, parsed, or `fallback`. */
  read<T, F>(flag: string, parse: (text: string) => T, fallback: F): T | F
  /** All values, parsed. */
  readAll<T>(flag: string, parse: (text: string) => T): T[]
  isOn(flag: string): boolean
}

export function optionReader(input: Input, env: Environment): OptionReader {
  const find = (flag: string): Given | null => given(input, env, flag)
  return {
    read: (flag, parse, fallback) => {
      const found = find(flag)
      return found ? at(found.from, () => parse(found.values.at(-1) ?? '')) : fallback
    },
    readAll: (flag, parse) => {
      const found = find(flag)
      return found ? found.values.map((value) => at(found.from, () => parse(value))) : []
    },
    isOn: (flag) => {
      if (input.options.has(flag)) return true
      const found = find(flag)
      return found ? at(found.from, () => parseSwitch(found.values.at(-1) ?? '')) : false
    },
  }
}

export function environmentName(option: Pick<OptionSpec, 'flag'>): string {
  return `AUTOUP_${option.flag.toUpperCase().replaceAll('-', '_')}`
}

function given(input: Input, env: Environment, flag: string): Given | null {
  const values = input.options.get(flag)
  if (values) return { values, from: `--${flag}` }
  const variable = environmentName({ flag })
  const value = flag === NAME.flag ? nameFromEnvironment(env) : env[variable]
  if (!value) return null
  // The only list: addresses hold no spaces.
  return { values: flag === 'listen' ? value.split(/\s+/).filter(Boolean) : [value], from: variable }
}

function at<T>(from: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof AutoupError)) throw error
    throw new AutoupError(error.code, `${from}: ${error.message}`, { data: error.data, cause: error })
  }
}

function parseSwitch(text: string): boolean {
  if (/^(?:1|true|yes|on)$/i.test(text)) return true
  if (/^(?:0|false|no|off)$/i.test(text)) return false
  throw new AutoupError('usage', `'${text}' is neither 1 nor 0`)
}
