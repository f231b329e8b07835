/** The master of a program that is its own; loaded in that process alone. */

import { processIo } from '../cli/io.ts'
import { keepSmall } from '../cli/keep-small.ts'
import { presenters } from '../cli/presenters.ts'
import { messageOf } from '../core/errors.ts'
import type { Stamped } from '../core/events.ts'
import type { Settings } from '../core/settings.ts'
import { createReporter } from '../report/reporter.ts'
import { runMaster } from '../runtime/master.ts'
import { createFolder, createStore, type StorePaths, storePaths } from '../store/layout.ts'
import { loadLedger, saveLedger } from '../store/ledger-file.ts'
import { acquireLock, type Lock } from '../system/lock.ts'
import type { RunConfig } from './config.ts'
import { embeddedSettings } from './embedded-settings.ts'
import { handOver, noteStarted } from './hand-over.ts'
import { runsFromStore, takeInstalled } from './installed.ts'

/** The exit status. Throws AutoupError when it cannot start. */
export async function master(config: RunConfig): Promise<number> {
  keepSmall()
  // A master has nothing to say on stdout.
  const io = processIo(() => undefined)
  try {
    const settings = await embeddedSettings(config, io)
    const paths = storePaths(settings.stateDir, settings.name)
    const report = createReporter(settings.logFormat, io.stderr)
    const { preUpgrade, version = null } = config
    if (settings.source === null) return await runMaster(settings, report, presenters)
    if (runsFromStore(paths)) {
      const reporting = whenServing(report, () => noteStarted(paths))
      return await runMaster(settings, reporting, presenters, { preUpgrade })
    }
    const warnings = await prepare(settings, paths, version)
    return await runMaster(settings, report, presenters, { preUpgrade, warnings })
  } finally {
    await io.end()
  }
}

/** Takes in the installed program, or becomes the committed build and does not come back. Gives what is to be told. */
async function prepare(settings: Settings, paths: StorePaths, version: string | null): Promise<readonly string[]> {
  const lock = lockOf(paths)
  if (lock === null) return []
  const told: string[] = []
  try {
    const { ledger: before, recovered } = await loadLedger(paths)
    if (recovered !== null) {
      told.push(recovered)
      saveLedger(paths, before)
    }
    const { build, isNew, ledger } = await takeInstalled(settings, paths, before, version)
    if (isNew || ledger.committed?.id === build) return told
    const problem = await handOver(settings, paths, ledger, () => lock.release())
    if (problem !== null) told.push(problem)
  } catch (error) {
    // It serves as it is.
    told.push(messageOf(error))
  } finally {
    lock.release()
  }
  return told
}

/** Null where it cannot be had, or nothing can be written: the master itself says so, or boots all the same. */
function lockOf(paths: StorePaths): Lock | null {
  let lock: Lock | null = null
  try {
    createFolder(paths.root, 0o755)
    lock = acquireLock(paths.lock)
    createStore(paths)
    return lock
  } catch {
    lock?.release()
    return null
  }
}

/** Calls once, when the first worker is ready. */
function whenServing(report: (event: Stamped) => void, then: () => void): (event: Stamped) => void {
  let isServing = false
  return (event) => {
    report(event)
    if (event.type !== 'worker-ready' || isServing) return
    isServing = true
    then()
  }
}
