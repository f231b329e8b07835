/** `autoup check`: what does the source offer now? Nothing is staged or promoted by it. */

import { ask } from './ask.ts'
import type { CommandSpec } from './command.ts'
import { TIMEOUT } from './waiting.ts'
import { PLACE } from './where.ts'

export const check: CommandSpec = {
  name: 'check',
  description: 'Asks the source now and says what is there. Nothing is staged or promoted by it.',
  takes: 'name',
  options: [{ flag: 'json', help: 'the answer as JSON, a stable contract' }, TIMEOUT, ...PLACE],
  examples: [
    ['autoup check', 'is there a new release?'],
    ['autoup check app --json', 'the same for a script'],
  ],
  run: (input, io) => ask('check', input, io),
}
