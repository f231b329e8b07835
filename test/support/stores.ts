/** Stores and folders of one test, removed when it ends. Staging runs in this process, by the stager's own code. */

import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Build } from '../../src/core/build.ts'
import { runStageJob } from '../../src/runtime/stager/stage-job.ts'
import type { StageJob, StageProgress, StageVerdict } from '../../src/runtime/stager/stage-protocol.ts'
import { createStore, type StorePaths, storePaths } from '../../src/store/layout.ts'
import { finishStaging } from '../../src/store/seal.ts'
import { removeTree } from '../../src/system/tree.ts'

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'autoup-test-'))
  onTestFinished(() => removeTree(folder))
  return folder
}

export async function temporaryStore(): Promise<StorePaths> {
  const store = storePaths(await temporaryFolder(), 'app')
  createStore(store)
  return store
}

export function jobFor(store: StorePaths, source: string, more: Partial<StageJob> = {}): StageJob {
  return {
    source,
    known: null,
    floor: null,
    quarantined: [],
    again: false,
    store,
    sha256: null,
    command: null,
    project: 'app',
    searchPath: process.env.PATH ?? '',
    maxBytes: 1e9,
    token: null,
    allowUnverified: false,
    allowDowngrade: false,
    ratchet: null,
    publicKey: null,
    minAgeMs: 0,
    budgets: {},
    ...more,
  }
}

let jobs = 0

export function runJob(
  job: StageJob,
  onProgress: (progress: StageProgress) => void = () => undefined,
): Promise<StageVerdict> {
  const directory = join(job.store.tmp, `stage-${jobs++}`)
  return runStageJob({ ...job, directory }, onProgress, new AbortController().signal)
}

/** What a master does with a release, from check to seal. */
export async function stageBuild(store: StorePaths, path: string, more: Partial<StageJob> = {}): Promise<Build> {
  const verdict = await runJob(jobFor(store, `file:${path}`, more))
  if (verdict.type !== 'staged') throw new Error(`not staged: ${JSON.stringify(verdict)}`)
  if (verdict.directory === null) throw new Error('it was in the store already')
  return finishStaging(store, verdict.directory)
}
