/** `autoup stage` where no master runs: under the lock that a master would hold. */

import { fetcherFor } from '../../../fetchers/index.ts'
import type { Settings } from '../../core/settings.ts'
import { newState } from '../../core/supervisor.ts'
import { createFolder, createStore, storePaths } from '../../store/layout.ts'
import { loadLedger } from '../../store/ledger-file.ts'
import { acquireLock } from '../../system/lock.ts'
import type { ControlReply } from '../control/server.ts'
import { Looks } from '../looks.ts'
import { policyOf } from '../policy.ts'
import { StagerJobs } from './jobs.ts'

/** Throws AutoupError, `locked` when a master runs meanwhile. */
export async function stageAlone(settings: Settings): Promise<ControlReply> {
  const source = await fetcherFor(settings.source ?? '')
  const paths = storePaths(settings.stateDir, settings.name)
  createFolder(paths.root, 0o755)
  const lock = acquireLock(paths.lock)
  const jobs = new StagerJobs({ settings, paths, source })
  try {
    createStore(paths)
    const { ledger } = await loadLedger(paths)
    return await new Looks({ source }, jobs).stage(newState(policyOf(settings, null), ledger, 1))
  } finally {
    await jobs.idle()
    lock.release()
  }
}
