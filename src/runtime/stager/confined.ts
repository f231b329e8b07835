/**
 * The first half of a stager's life: it gives up all that a stager never needs, then becomes the stager by execve(2),
 * under the same pid. Two steps, because Landlock binds one thread and what that starts, and Node has several before
 * its first line runs: after the exec there is none that is not bound. Nothing untrusted is touched here.
 *
 * TMP is the folder it may write to, USER whom it is to be. A PROGRAM in place of the stager is for tests.
 *
 * What the kernel does not have is left out; the master has said so when it started. What it has and refuses all the
 * same ends the stager: then nothing is staged, rather than unconfined.
 */

import { setPriority } from 'node:os'
import { forgoPrivileges, LANDLOCK_KEEPS_SIGNALS, landlockAbi, restrictWrites } from '../../system/landlock.ts'
import { setCloseOnExec } from '../../system/libc/descriptors.ts'
import { execve } from '../../system/libc/processes.ts'
import { dieFirst, dropCapabilities, endWithParent, FILE_CAPABILITIES, limitSelf } from '../../system/own-limits.ts'
import { denyEscapes } from '../../system/seccomp.ts'
import { ownExecutable, selfAs } from '../../system/self.ts'
import { becomeStranger, strangerOf } from '../../system/stranger.ts'
import { TRUST_LIMITS } from '../../trust/limits.ts'
import { handPartials } from './lend.ts'

/** A stranger of its own (stranger.ts), one who still reads what root may, or whoever the master is. */
export type StagerUser = 'stranger' | 'reader' | 'own'

/** Below every service of this machine, above what is idle. */
const NICE = 10

/** stdin, stdout, stderr and the wire: Node marks them to be closed by an exec. */
const DESCRIPTORS = [0, 1, 2, 3]

/** `[TMP, USER]` or `[TMP, USER, PROGRAM]`. Only returns by throwing. */
export function becomeStager([tmp = '', user = 'own', program]: readonly string[]): never {
  process.umask(0o022)
  try {
    setPriority(NICE)
  } catch {
    // Already lower, and it may not be raised again.
  }
  dieFirst()
  limitSelf({
    cpuSeconds: TRUST_LIMITS.stagerMs / 1_000,
    fileBytes: Math.max(TRUST_LIMITS.artifactBytes, TRUST_LIMITS.treeBytes),
    dataBytes: TRUST_LIMITS.stagerBytes,
    // Untrusted bytes, and a token: nothing that belongs on a disk.
    coreBytes: 0,
  })
  const stranger = user === 'own' ? null : strangerOf(process.pid)
  if (stranger !== null) handPartials(tmp, stranger)
  dropCapabilities(FILE_CAPABILITIES)
  if (stranger !== null) {
    // Of all who are this stranger; an ordinary user's own processes would count as well.
    limitSelf({ processes: TRUST_LIMITS.stagerProcesses })
    becomeStranger(stranger, { readsAll: user === 'reader' })
  }
  forgoPrivileges()
  const abi = landlockAbi()
  if (abi > 0) restrictWrites(abi, { folders: [tmp], files: ['/dev/null'] })
  // Who is a stranger can signal strangers alone.
  denyEscapes({ keepSignals: user === 'own' && abi < LANDLOCK_KEEPS_SIGNALS })
  endWithParent()
  for (const fd of DESCRIPTORS) setCloseOnExec(fd, false)
  const { argv, env } = program === undefined ? selfAs('stager') : { argv: [ownExecutable(), program], env: {} }
  return execve(argv[0] as string, argv, { ...(process.env as Record<string, string>), ...env })
}
