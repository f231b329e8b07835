/** `autoup restart`: new workers of the same build, without losing a connection. */

import { askAndShow, askOne } from './ask.ts'
import type { CommandSpec } from './command.ts'
import { mastersFor } from './find-service.ts'
import { atOnce } from './outcome.ts'
import { WAITING } from './waiting.ts'
import { PLACE } from './where.ts'

export const restart: CommandSpec = {
  name: 'restart',
  description:
    'Starts a new generation of the committed build and drains the old one. No connection is refused or reset. Without a name: of every app of the configuration, else of the only service that runs.',
  takes: 'name',
  options: [...WAITING, ...PLACE],
  examples: [
    ['autoup restart', 'of the only service that runs here'],
    ['autoup restart app --no-wait', 'do not wait until the new workers serve'],
  ],
  async run(input, io) {
    const masters = await mastersFor(input, io)
    // Of several at once nobody could tell the lines apart.
    if (masters.length === 1) return await askAndShow('restart', input, io)
    return await atOnce(masters, io, (master) => askOne('restart', master, input, io))
  },
}
