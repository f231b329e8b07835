/** `autoup upgrade`: check, stage and promote now, and say how it ended. */

import { AGAIN, askAndShow } from './ask.ts'
import type { CommandSpec } from './command.ts'
import { WAITING } from './waiting.ts'
import { PLACE } from './where.ts'

export const upgrade: CommandSpec = {
  name: 'upgrade',
  description:
    'Checks, stages and promotes now, also while paused, and exits with the verdict: 0 committed or nothing new, 5 refused, 6 rolled back, 7 timed out.',
  takes: 'name',
  options: [
    AGAIN,
    { flag: 'reset-trust', help: 'forget how well earlier releases were vouched for' },
    ...WAITING,
    ...PLACE,
  ],
  examples: [
    ['autoup upgrade && echo live', 'the end of a deploy script'],
    ['autoup upgrade app --again', 'try once more what failed here before'],
  ],
  run: (input, io) => askAndShow('upgrade', input, io),
}
