/** Where the kernel has no Landlock, the service runs all the same, and its master says so once. */

import { chmodSync, chownSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { archive, nodeServer } from '../support/builds.ts'
import { tracedFromTheStart } from '../support/faults-strace.ts'
import { startMaster, temporaryDirectory } from '../support/master.ts'
import { needs } from '../support/requirements.ts'
import { pack } from '../support/tar.ts'
import { bytesOf } from '../support/victim.ts'

const NO_LANDLOCK = tracedFromTheStart('-f', '-e', 'inject=landlock_create_ruleset:error=ENOSYS')
/** Of an ordinary user, whose stager then signals nobody (seccomp.ts), not even the xz that it has started. */
const ORDINARY = 23_458

needs('strace', 'root', 'setpriv', 'xz', 'open-project').test(
  'without Landlock a build is staged, and one warning says what that means',
  async () => {
    const [stateDir, folder] = [temporaryDirectory(), temporaryDirectory()]
    chownSync(stateDir, ORDINARY, ORDINARY)
    chmodSync(folder, 0o755)
    const path = join(folder, `app-linux-${process.arch}.tar.xz`)
    writeFileSync(path, pack('xz', pack('gzip', bytesOf(archive(nodeServer())), '-d')), { mode: 0o644 })
    const master = await startMaster({
      stateDir,
      through: [...NO_LANDLOCK, 'setpriv', `--reuid=${ORDINARY}`, `--regid=${ORDINARY}`, '--clear-groups'],
      args: ['--fetch', `file:${path}`, '--listen', '127.0.0.1:0', '--probation', '0', '--interval', '1h'],
    })
    await master.next('build-committed', { deadlineMs: 60_000 })
    const warnings = master.events.flatMap((event) => (event.type === 'warning' ? [event.message] : []))
    expect(warnings).toEqual([expect.stringContaining('no Landlock')])
    await master.stop()
  },
)
