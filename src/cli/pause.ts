/** `autoup pause`: keep what runs, whatever is released. */

import { ask } from './ask.ts'
import type { CommandSpec } from './command.ts'
import { PLACE } from './where.ts'

export const pause: CommandSpec = {
  name: 'pause',
  description: 'New releases are still staged, but not promoted; also after a restart. A manual upgrade still is.',
  takes: 'name',
  options: PLACE,
  examples: [
    ['autoup pause', 'before a demonstration'],
    ['autoup pause app', 'of one service of several'],
  ],
  run: (input, io) => ask('pause', input, io),
}
