/** `autoup releases`: the builds in the store and what each is there for. */

import type { ReleaseRow } from '../core/status.ts'
import { hasColor, painter } from '../report/color.ts'
import { releasesText } from '../report/releases-text.ts'
import { type CommandSpec, has } from './command.ts'
import { call } from './control-client.ts'
import { masterFor } from './find-service.ts'
import { PLACE } from './where.ts'

/** Sizes are counted when asked, and a store may be large. */
const TIMEOUT_MS = 60_000

export const releases: CommandSpec = {
  name: 'releases',
  takes: 'name',
  options: [{ flag: 'json', help: 'as JSON, a stable contract' }, ...PLACE],
  examples: [
    ['autoup releases', 'of the only service that runs here'],
    [`autoup releases app --json | jq -r '.[] | select(.state == "previous").version'`, 'what a rollback returns to'],
  ],
  async run(input, io) {
    const master = await masterFor(input, io)
    const rows = await call<ReleaseRow[]>(master, 'GET', '/releases', { timeoutMs: TIMEOUT_MS })
    const paint = painter(hasColor(io.stdout.isTTY === true, io.env))
    io.stdout.write(
      has(input, 'json') ? `${JSON.stringify(rows)}\n` : releasesText(rows, paint, io.stdout.columns ?? null),
    )
    return 0
  },
}
