/** `autoup reload`: what SIGHUP does, with an answer. */

import { ask } from './ask.ts'
import type { CommandSpec } from './command.ts'
import { TIMEOUT } from './waiting.ts'
import { PLACE } from './where.ts'

export const reload: CommandSpec = {
  name: 'reload',
  description:
    'Has the master read its configuration again and take up what has changed, without losing a connection. A file with a mistake in it is refused as a whole (2), and everything stays as it was.',
  takes: 'name',
  options: [TIMEOUT, ...PLACE],
  examples: [
    ['autoup reload', 'the one app of autoup.config.json, or the only service that runs here'],
    ['autoup reload web', 'after its part of the file was changed'],
  ],
  run: (input, io) => ask('reload', input, io),
}
