/** Options of the commands that wait for what comes of them. */

import type { OptionSpec } from './command.ts'

export const TIMEOUT: OptionSpec = {
  flag: 'timeout',
  value: 'DURATION',
  help: 'wait no longer than this, then exit with 7',
  default: 'no limit',
}

export const NO_WAIT: OptionSpec = { flag: 'no-wait', help: 'do not wait for the end of it' }

export const WAITING: readonly OptionSpec[] = [NO_WAIT, TIMEOUT]
