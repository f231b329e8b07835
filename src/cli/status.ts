/** `autoup status`: what runs, and who vouched for it. Loads as little as it can; it is timed against `node -e 0`. */

import type { Status } from '../core/status.ts'
import { hasColor, painter } from '../report/color.ts'
import { statusText } from '../report/status-text.ts'
import { type CommandSpec, has } from './command.ts'
import { call } from './control-client.ts'
import { mastersFor } from './find-service.ts'
import { inTurn } from './outcome.ts'
import { PLACE } from './where.ts'

export const status: CommandSpec = {
  name: 'status',
  description:
    'What runs, since when, and who vouched for it. Without a name: of every app of the configuration, else of every service that runs here.',
  takes: 'name',
  options: [
    { flag: 'watch', help: 'keep it on the screen, and true; q leaves' },
    { flag: 'json', help: 'as JSON, a stable contract' },
    ...PLACE,
  ],
  examples: [
    ['autoup status', 'of all that runs here'],
    ['autoup status app --watch', 'kept true'],
    ["autoup status app --json | jq -r '.current.version'", 'the version in service'],
  ],
  async run(input, io) {
    const masters = await mastersFor(input, io, 'all')
    if (has(input, 'watch')) {
      const { watchAsJson, watchOnScreen } = await import('./watch-status.ts')
      return await (has(input, 'json') ? watchAsJson(masters, io) : watchOnScreen(masters, io))
    }
    const paint = painter(hasColor(io.stdout.isTTY === true, io.env))
    const columns = io.stdout.columns ?? null
    let between = ''
    return await inTurn(masters, io, async (master) => {
      const value = await call<Status>(master, 'GET', '/status')
      const text = `${between}${statusText(value, Date.now(), paint, columns)}`
      io.stdout.write(has(input, 'json') ? `${JSON.stringify(value)}\n` : text)
      between = '\n'
      return 0
    })
  },
}
