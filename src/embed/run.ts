/**
 * `run`, the one call of a program that is its own master (docs/embedding.md). The same program is started for each of
 * its parts, and this is where they part: a helper of the master, a worker, the master itself, or the program alone
 * where there can be no master.
 */

import { keepSmall } from '../cli/keep-small.ts'
import { told } from '../cli/outcome.ts'
import { AutoupError } from '../core/errors.ts'
import { takeRole } from '../runtime/take-role.ts'
import type { RunConfig } from './config.ts'

/** A worker that called it again would take itself for a master. */
let isRunning = false

/**
 * In a worker it resolves when the program has come back, and rejects with what that throws; in the master when it has
 * stopped, or cannot start, with `process.exitCode` set: what stands in the way is told in a sentence, as by the
 * command.
 */
export async function run(config: RunConfig): Promise<void> {
  await takeRole()
  if (isRunning) throw new AutoupError('usage', 'run() was called before in this process: call it once')
  isRunning = true
  // Each part loads what it needs, and no more.
  if (isWorker()) return await (await import('./worker.ts')).runWorker(config)
  const problem = await supportProblem()
  if (problem === null || config.required) {
    process.exitCode = await masterStatus(config, problem)
    return
  }
  process.stderr.write(`autoup: ${problem.message}; the program runs without a master\n`)
  const { plainListeners } = await import('./plain-listeners.ts')
  const { runPlainly } = await import('./worker.ts')
  await runPlainly(config, plainListeners(config.listen))
}

async function masterStatus(config: RunConfig, problem: AutoupError | null): Promise<number> {
  try {
    if (problem !== null) throw problem
    // Before what a master needs is loaded.
    keepSmall()
    const { master } = await import('./master.ts')
    return await master(config)
  } catch (error) {
    const status = told(error, process)
    // What a master that failed as nobody has foreseen has left open would keep this process and its lock.
    if (!(error instanceof AutoupError)) process.exit(status)
    return status
  }
}

/** Whether there can be a master here. */
export async function isSupported(): Promise<boolean> {
  return (await supportProblem()) === null
}

/** Whether a master of autoup has started this very process. */
function isWorker(): boolean {
  return process.env.AUTOUP_PID === String(process.pid)
}

async function supportProblem(): Promise<AutoupError | null> {
  try {
    const { selfTest } = await import('../system/libc/self-test.ts')
    selfTest()
    return null
  } catch (error) {
    if (error instanceof AutoupError) return error
    throw error
  }
}
