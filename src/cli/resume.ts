/** `autoup resume`: the end of \`autoup pause\`. */

import { ask } from './ask.ts'
import type { CommandSpec } from './command.ts'
import { STATE_DIR } from './where.ts'

export const resume: CommandSpec = {
  name: 'resume',
  summary: 'promote again after a pause',
  description: 'Ends a pause. What was staged meanwhile is promoted.',
  group: 'Change',
  takes: 'name',
  options: [STATE_DIR],
  examples: [
    ['autoup resume', 'of the only service that runs here'],
    ['autoup resume app', 'of one service of several'],
  ],
  run: (input, io) => ask('resume', input, io),
}
