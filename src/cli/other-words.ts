/**
 * What other supervisors call things (pm2, systemctl, docker, kamal): whoever types these words from habit is told the
 * one that is used here, before any that only looks alike.
 */

import type { CommandSpec } from './command.ts'

/** What to type here for a command of theirs, or null. */
export function ownCommand(word: string): string | null {
  return COMMANDS.get(word) ?? null
}

/** What to type here for an option of theirs, or null; null as well where the command has no such option. */
export function ownOption(word: string, spec: CommandSpec | null): string | null {
  const own = OPTIONS.get(word) ?? null
  if (spec === null) return own === '--version' ? own : null
  return spec.options.some(({ flag }) => `--${flag}` === own) ? own : null
}

const COMMANDS: ReadonlyMap<string, string> = new Map([
  ['list', 'status'],
  ['ls', 'status'],
  ['ps', 'status'],
  ['show', 'status'],
  ['info', 'status'],
  ['monit', 'status --watch'],
  ['top', 'status --watch'],
  ['log', 'logs --follow'],
  ['delete', 'stop'],
  ['kill', 'stop'],
  ['deploy', 'upgrade'],
  ['update', 'upgrade'],
  ['revert', 'rollback'],
  ['enable', 'unit'],
  ['startup', 'unit'],
  ['install', 'unit'],
  ['version', '--version'],
])

const OPTIONS: ReadonlyMap<string, string> = new Map([
  ['-v', '--version'],
  ['-i', '--instances'],
  ['-n', '--name'],
  ['-p', '--listen'],
  ['--port', '--listen'],
  ['-u', '--user'],
  ['--uid', '--user'],
  ['-f', '--follow'],
  ['-w', '--watch'],
])
