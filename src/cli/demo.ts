/**
 * `autoup demo`: the main job, before your eyes, in under a minute, without network or root. A small real service is
 * upgraded, broken, killed and rolled back under a steady load. Only requests in the hands of a worker that died may
 * fail, and each of these is accounted for; any other makes the demo exit with 1. However it ends, its master and its
 * files end with it.
 */

import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AutoupError } from '../core/errors.ts'
import { removeTree } from '../system/tree.ts'
import type { CommandSpec } from './command.ts'
import { Demo } from './demo/steps.ts'
import { refuseElsewhere } from './refuse-elsewhere.ts'
import { ENDING_SIGNALS } from './told-to-end.ts'

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
    let isTold = false
    // SIGPIPE: nobody reads on (`autoup demo | head`).
    for (const signal of ['SIGPIPE', ...ENDING_SIGNALS] as const) {
      process.on(signal, () => {
        isTold = true
        void show.cleanUp()
      })
    }
    try {
      return await show.run()
    } catch (error) {
      throw isTold ? new AutoupError('failed', 'the demo was told to end before it was through') : error
    } finally {
      await show.cleanUp()
      await removeTree(directory)
    }
  },
}
