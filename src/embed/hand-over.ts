/**
 * From its next start on, the master's code is that of the committed build. The file that the operator installed is
 * never written to: started from it, the program looks into the store and becomes the committed build by execve(2),
 * with the same pid. A build whose code is no good as a master cannot take the service down:
 *
 * - it is asked first whether it can be started here (build-check.ts); - each start is counted in `handed-over.json`
 * before the exec, and the count is taken back when its first worker is
 *     ready. After three starts that came to nothing the installed program is the master again, of the same workers.
 */

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type BuildId, nameOf } from '../core/build.ts'
import { messageOf } from '../core/errors.ts'
import type { Ledger } from '../core/ledger.ts'
import { LIMITS, type Settings } from '../core/settings.ts'
import { masterProblem } from '../runtime/stager/build-check.ts'
import { resolveLaunch } from '../runtime/workers/launch.ts'
import { checkSeal, isWhole } from '../store/check-seal.ts'
import type { StorePaths } from '../store/layout.ts'
import { writeAtomically } from '../system/atomic.ts'
import { discard } from '../system/discard.ts'
import { setCloseOnExec } from '../system/libc/descriptors.ts'
import { execve } from '../system/libc/processes.ts'

interface Count {
  readonly build: BuildId
  readonly starts: number
}

/** `release` gives up the lock, right before the exec. Comes back, with the reason, only where it was not done. */
export async function handOver(
  settings: Settings,
  paths: StorePaths,
  { committed }: Ledger,
  release: () => void,
): Promise<string | null> {
  // A command is looked up in the directory of the build, which is not the master's.
  if (committed === null || settings.command.length > 0) return null
  const stays = (why: string): string =>
    `the installed program is the master and not the build ${nameOf(committed)}, which serves: ${why}`
  const { build, starts } = readCount(paths)
  const before = build === committed.id ? starts : 0
  if (before >= LIMITS.attempts) {
    return stays(`as a master it came to nothing ${before} times; remove ${fileOf(paths)} to try it again`)
  }
  try {
    if (!isWhole(await checkSeal(paths, committed.id, { full: false }))) return stays('its files are not as sealed')
    const { argv } = resolveLaunch(paths, committed, settings)
    const cwd = process.cwd()
    const env = { ...process.env } as Record<string, string>
    const problem = await masterProblem({ argv, cwd, env, user: null })
    if (problem !== null) return stays(`it ${problem}`)
    // What cannot be recorded is not started.
    writeCount(paths, { build: committed.id, starts: before + 1 })
    keepDescriptors()
    release()
    return execve(argv[0] as string, argv, env)
  } catch (error) {
    return stays(messageOf(error))
  }
}

/** Its first worker is ready: as a master it is proved. */
export function noteStarted(paths: StorePaths): void {
  discard(fileOf(paths))
}

/**
 * stdio, and the sockets that systemd may have given this very process. Node marks all of them (open(2), O_CLOEXEC).
 */
function keepDescriptors(): void {
  const { LISTEN_PID, LISTEN_FDS } = process.env
  const sockets = LISTEN_PID === String(process.pid) ? Number(LISTEN_FDS) : 0
  for (let fd = 0; fd < 3 + sockets; fd++) setCloseOnExec(fd, false)
}

function fileOf(paths: StorePaths): string {
  return join(dirname(paths.state), 'handed-over.json')
}

function writeCount(paths: StorePaths, count: Count): void {
  writeAtomically(fileOf(paths), `${JSON.stringify(count)}\n`, 0o600)
}

function readCount(paths: StorePaths): Count {
  try {
    const { build, starts } = JSON.parse(readFileSync(fileOf(paths), 'utf8')) as Partial<Count>
    if (typeof build === 'string' && Number.isSafeInteger(starts)) return { build, starts: starts as number }
  } catch {
    // Not there.
  }
  return { build: '', starts: 0 }
}
