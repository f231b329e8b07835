/** Where the kernel has no Landlock, the service runs all the same, and its master says so once. */

import { join } from 'node:path'
import { expect } from 'vitest'
import { nodeServer, publish } from '../support/builds.ts'
import { tracedFromTheStart } from '../support/faults-strace.ts'
import { startMaster, temporaryDirectory } from '../support/master.ts'
import { needs } from '../support/requirements.ts'

needs('strace').test('without Landlock a build is staged, and one warning says what that means', async () => {
  const path = join(temporaryDirectory(), 'app')
  publish(path, nodeServer())
  const master = await startMaster({
    through: tracedFromTheStart('-f', '-e', 'inject=landlock_create_ruleset:error=ENOSYS'),
    args: ['--fetch', `file:${path}`, '--listen', '127.0.0.1:0', '--probation', '0', '--interval', '1h'],
  })
  await master.next('build-committed', { deadlineMs: 60_000 })
  const warnings = master.events.flatMap((event) => (event.type === 'warning' ? [event.message] : []))
  expect(warnings).toEqual([expect.stringContaining('no Landlock')])
  await master.stop()
})
