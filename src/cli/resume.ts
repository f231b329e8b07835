/** `autoup resume`: the end of `autoup pause`. */

import { ask } from './ask.ts'
import type { CommandSpec } from './command.ts'
import { PLACE } from './where.ts'

export const resume: CommandSpec = {
  name: 'resume',
  description: 'Ends a pause. What was staged meanwhile is promoted.',
  takes: 'name',
  options: PLACE,
  examples: [
    ['autoup resume', 'of the only service that runs here'],
    ['autoup resume app', 'of one service of several'],
  ],
  run: (input, io) => ask('resume', input, io),
}
