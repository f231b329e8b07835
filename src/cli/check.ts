/** `autoup check`: ask the source now. A build that is new is staged and promoted like any other. */

import { ask, WAITING } from './ask.ts'
import type { CommandSpec } from './command.ts'
import { STATE_DIR } from './where.ts'

export const check: CommandSpec = {
  name: 'check',
  summary: 'ask the source now',
  description:
    'Asks the source now, as the clock would: what is new is staged and promoted as usual. Exits when the check is over.',
  group: 'Change',
  takes: 'name',
  options: [{ flag: 'json', help: 'the answer as JSON, a stable contract' }, ...WAITING, STATE_DIR],
  examples: [
    ['autoup check', 'is there a new release?'],
    ['autoup check app --json', 'the same for a script'],
  ],
  run: (input, io) => ask('check', input, io),
}
