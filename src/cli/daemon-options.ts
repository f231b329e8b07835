/** The options that `autoup start` has beside those of `autoup run`; keys of the configuration, too. */

import type { OptionSpec } from './command.ts'

/** In the environment of the daemon alone: the descriptor that its verdict is written to. */
export const DAEMON_VARIABLE = 'AUTOUP_DAEMON'

export const DEFAULT_SIZE = '10MB'
export const DEFAULT_KEEP = 5

const DAEMON = 'As a daemon'

const OPTIONS: readonly OptionSpec[] = [
  {
    flag: 'log-file',
    value: 'FILE',
    help: 'where the master and the workers write to',
    default: 'service.log in <state-dir>/<name>',
    group: DAEMON,
  },
  {
    flag: 'log-size',
    value: 'SIZE',
    help: 'the log is rotated when it is longer: 512KiB, 10MB, 1GiB',
    default: DEFAULT_SIZE,
    group: DAEMON,
  },
  { flag: 'log-keep', value: 'N', help: 'old logs that are kept', default: String(DEFAULT_KEEP), group: DAEMON },
  {
    flag: 'umask',
    value: 'OCTAL',
    help: 'what files are created without, by the master and the workers',
    default: '022',
    group: DAEMON,
  },
]

/** In the order of the help. */
export const DAEMON_OPTIONS: readonly OptionSpec[] = OPTIONS.map((option) => ({ ...option, hasVariable: true }))
