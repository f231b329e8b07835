/** `autoup restart`: new workers of the same build, without losing a connection. */

import { ask } from './ask.ts'
import type { CommandSpec } from './command.ts'
import { WAITING } from './waiting.ts'
import { PLACE } from './where.ts'

export const restart: CommandSpec = {
  name: 'restart',
  description:
    'Starts a new generation of the committed build and drains the old one. No connection is refused or reset.',
  takes: 'name',
  options: [...WAITING, ...PLACE],
  examples: [
    ['autoup restart', 'of the only service that runs here'],
    ['autoup restart app --no-wait', 'do not wait until the new workers serve'],
  ],
  run: (input, io) => ask('restart', input, io),
}
