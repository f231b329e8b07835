/**
 * What comes before a master with a release source: whose code it is to have. Under the lock that the master will hold.
 */

import { messageOf } from '../core/errors.ts'
import type { Settings } from '../core/settings.ts'
import { createFolder, createStore, type StorePaths } from '../store/layout.ts'
import { loadLedger, saveLedger } from '../store/ledger-file.ts'
import { acquireLock, type Lock } from '../system/lock.ts'
import { handOver, noteStarted } from './hand-over.ts'
import { runsFromStore, takeInstalled } from './installed.ts'

export interface Prepared {
  /** What is to be told. */
  readonly warnings: readonly string[]
  /** To be called when the first worker is ready, or null. */
  readonly onServing: (() => void) | null
}

/** Takes in the installed program, or becomes the committed build and does not come back. */
export async function prepare(settings: Settings, paths: StorePaths, version: string | null): Promise<Prepared> {
  if (runsFromStore(paths)) return { warnings: [], onServing: () => noteStarted(paths) }
  return { warnings: await fromInstalled(settings, paths, version), onServing: null }
}

async function fromInstalled(
  settings: Settings,
  paths: StorePaths,
  version: string | null,
): Promise<readonly string[]> {
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
