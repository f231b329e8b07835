/**
 * `autoup demo`: the main job, before your eyes, in under a minute, without network or root. A small real service is
 * upgraded, broken, killed and rolled back under a steady load. Only requests in the hands of a worker that died may
 * fail, and each of these is accounted for; any other makes the demo exit with 1.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CommandSpec } from './command.ts'
import { Demo } from './demo/steps.ts'
import { refuseElsewhere } from './refuse-elsewhere.ts'

export const demo: CommandSpec = {
  name: 'demo',
  description: 'Upgrades, breaks, kills and rolls back a small service of its own under a steady load, on loopback.',
  takes: 'nothing',
  options: [],
  examples: [
    ['autoup demo', 'needs no network and no root, and leaves nothing behind'],
    ['autoup demo && echo "no request failed"', 'its exit status is the verdict'],
  ],
  async run(_input, io) {
    refuseElsewhere('demo', io)
    const directory = mkdtempSync(join(tmpdir(), 'autoup-demo-'))
    const show = new Demo(directory, (line) => void io.stdout.write(`${line}\n`))
    try {
      return await show.run()
    } finally {
      await show.cleanUp()
      rmSync(directory, { recursive: true, force: true })
    }
  },
}
