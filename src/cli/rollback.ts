/** `autoup rollback`: promote the build before the current one. */

import { askAndShow } from './ask.ts'
import type { CommandSpec } from './command.ts'
import { WAITING } from './waiting.ts'
import { PLACE } from './where.ts'

export const rollback: CommandSpec = {
  name: 'rollback',
  description:
    'Promotes the previous build; the one it leaves is held back until upgrade --again. During an upgrade it calls that off.',
  takes: 'name',
  options: [...WAITING, ...PLACE],
  examples: [
    ['autoup rollback', 'of the only service that runs here'],
    ['autoup rollback app --timeout 1m', 'give up waiting after a minute'],
  ],
  run: (input, io) => askAndShow('rollback', input, io),
}
