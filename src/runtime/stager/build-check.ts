/**
 * Whether a program can be a master here. It is started as `check`, without sockets, reaches libc, and says the word it
 * was given. One that knows nothing of this does not say it, and is ended when it goes on all the same.
 */

import { randomUUID } from 'node:crypto'
import { formatDuration } from '../../core/duration.ts'
import { selfTest } from '../../system/libc/self-test.ts'
import { runToEnd } from '../../system/probe.ts'
import { roleVariable } from '../../system/self.ts'
import type { SpawnRequest } from '../../system/spawn.ts'

/** A large program on a cold disk takes its time. */
const CHECK_MS = 10_000

/** The side of the program. */
export function answerCheck([word = '']: readonly string[]): void {
  selfTest()
  process.stdout.write(`\n${word}\n`, () => process.exit(0))
}

/** Null, or why it cannot, as the end of a sentence. Rejects with a system error where it cannot be started. */
export async function masterProblem(
  request: Pick<SpawnRequest, 'argv' | 'cwd' | 'env' | 'user'>,
  signal?: AbortSignal,
): Promise<string | null> {
  const word = randomUUID()
  const env = { ...request.env, ...roleVariable('check', [word]) }
  const { code, signal: killer, isLate, output } = await runToEnd({ ...request, env, stdout: 'pipe' }, CHECK_MS, signal)
  if (output.split('\n').includes(word)) return null
  if (isLate) return `did not say within ${formatDuration(CHECK_MS)} that it is built with autoup`
  const how = killer === null ? `ended with status ${code}` : `was killed by ${killer}`
  return `${how} and did not say that it is built with autoup`
}
