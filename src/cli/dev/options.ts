/**
 * The options of `autoup dev`: those of `autoup run` that are about a command, with defaults for somebody who waits.
 */

import type { OptionSpec } from '../command.ts'
import { RUN_OPTIONS } from '../run-options.ts'

export const WATCH: OptionSpec = {
  flag: 'watch',
  value: 'DIR',
  help: 'the tree to follow',
  default: 'the working directory',
  group: 'What is followed',
}

export const IGNORE: OptionSpec = {
  flag: 'ignore',
  value: 'PATTERN',
  isRepeatable: true,
  help: 'leave this alone besides what .gitignore says, in its form; may be repeated',
  group: 'What is followed',
}

/** Of a release source, and of what becomes of its builds. */
const OF_SOURCE = new Set([
  'fetch',
  'token-file',
  'interval',
  'sha256',
  'public-key',
  'min-age',
  'allow-unverified',
  'allow-downgrade',
  'probation',
  'preflight',
  'before-promote',
  'after-commit',
  'after-rollback',
  'hook-timeout',
  'keep',
  'no-respawn',
])

/** As the help says them. */
const DEFAULTS: Readonly<Record<string, string>> = {
  strategy: 'blue-green; without --listen exclusive',
  'drain-timeout': '2s',
  'log-format': 'pretty, and few words',
  'state-dir': 'a folder of your own in $XDG_RUNTIME_DIR or /tmp',
}

export const DEV_OPTIONS: readonly OptionSpec[] = [
  WATCH,
  IGNORE,
  ...RUN_OPTIONS.filter(({ flag }) => !OF_SOURCE.has(flag)).map((option) => {
    const usual = DEFAULTS[option.flag]
    return usual === undefined ? option : { ...option, default: usual }
  }),
]
