/** `autoup events`: what the master has said lately, and with `--follow` what it says from now on. */

import { AutoupError } from '../core/errors.ts'
import { createReporter } from '../report/reporter.ts'
import { type CommandSpec, has, lastValue } from './command.ts'
import { follow } from './control-client.ts'
import { masterFor } from './find-service.ts'
import { toldToEnd } from './told-to-end.ts'
import { PLACE } from './where.ts'

export const events: CommandSpec = {
  name: 'events',
  takes: 'name',
  options: [
    { flag: 'follow', help: 'go on until the master ends, or Ctrl-C' },
    { flag: 'since', value: 'SEQUENCE', help: 'only events after this one', default: '0' },
    { flag: 'json', help: 'one JSON object per line, a stable contract' },
    ...PLACE,
  ],
  examples: [
    ['autoup events --follow', 'watch the only service that runs here'],
    [`autoup events app --json | jq -c 'select(.type == "rolled-back")'`, 'what was taken back, and why'],
  ],
  async run(input, io) {
    const since = lastValue(input, 'since') ?? '0'
    if (!/^\d{1,15}$/.test(since)) {
      throw new AutoupError('usage', `--since: '${since}' is not the sequence number of an event`)
    }
    const master = await masterFor(input, io)
    const report = createReporter(has(input, 'json') ? 'json' : 'pretty', io.stdout)
    const isFollowed = has(input, 'follow')
    const until = isFollowed ? { signal: toldToEnd() } : {}
    for await (const event of follow(master, { since: Number(since), follow: isFollowed, ...until })) report(event)
    return 0
  },
}
