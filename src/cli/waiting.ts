/** Options of the commands that wait for what comes of them. */

import { parseDuration } from '../core/duration.ts'
import { AutoupError } from '../core/errors.ts'
import { type Input, lastValue, type OptionSpec } from './command.ts'

export const TIMEOUT: OptionSpec = {
  flag: 'timeout',
  value: 'DURATION',
  help: 'wait no longer than this, then exit with 7',
  default: 'no limit',
}

export const NO_WAIT: OptionSpec = { flag: 'no-wait', help: 'do not wait for the end of it' }

export const WAITING: readonly OptionSpec[] = [NO_WAIT, TIMEOUT]

/** What `--timeout` says, in milliseconds; null: no limit. Throws AutoupError `usage`. */
export function timeoutOf(input: Input): number | null {
  const text = lastValue(input, TIMEOUT.flag)
  if (text === undefined) return null
  try {
    return parseDuration(text)
  } catch (error) {
    if (!(error instanceof AutoupError)) throw error
    throw new AutoupError(error.code, `--${TIMEOUT.flag}: ${error.message}`, { cause: error })
  }
}
