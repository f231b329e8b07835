/** Workers that the kernel kills for want of memory, in a group of processes that has little (`MemoryMax=` of a unit makes one). */

import { join } from 'node:path'
import { expect } from 'vitest'
import { nodeServer } from '../support/builds.ts'
import { memoryGroup } from '../support/cgroup.ts'
import { gate } from '../support/gate.ts'
import { temporaryDirectory } from '../support/master.ts'
import { needs } from '../support/requirements.ts'
import { BY_HAND, startService } from '../support/service.ts'

/** For a master, a stager and a worker. */
const ROOM = 400 * 2 ** 20

/** A function that takes memory until there is none, in the first process that calls it. */
function eatsOnce(): string {
  const sign = JSON.stringify(join(temporaryDirectory(), 'eaten'))
  return `(() => {
    const fs = require('node:fs')
    if (fs.existsSync(${sign})) return
    fs.writeFileSync(${sign}, '')
    for (const held = []; ; ) held.push(Buffer.alloc(2 ** 24, 1))
  })`
}

needs('memory-limit').test(
  'a worker that the kernel kills for its memory is started again, and its build is not held against it',
  async () => {
    const { through, kills } = memoryGroup(ROOM)
    const door = gate()
    const build = nodeServer({ version: '1', last: `${door.opened}.then(${eatsOnce()})` })
    const { master, ask } = await startService({ through, build, args: BY_HAND })
    const since = master.mark()
    door.open()
    const exited = await master.next('worker-exited', { since })
    expect(exited).toMatchObject({ how: 'was killed by SIGKILL', expected: false })
    await master.next('worker-ready', { since })
    expect(await ask()).toMatchObject({ version: '1' })
    expect(kills()).toBe(1)
    expect(await master.status()).toMatchObject({ pid: master.pid, quarantine: [] })
    expect(await master.stop()).toBe(0)
  },
)
