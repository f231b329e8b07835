/**
 * Whether a source answers, and what would vouch for its newest release: a check as the master makes it, in a stager of
 * its own, ended before a byte of the artifact is fetched. It works in a folder of its own, so that it needs no lock
 * and leaves the store as it is; what the store says of floor, ratchet and quarantine counts all the same.
 */

import { chmodSync, existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fetcherFor } from '../../../fetchers/index.ts'
import { refusalOf } from '../../core/build.ts'
import { messageOf } from '../../core/errors.ts'
import type { Ledger } from '../../core/ledger.ts'
import { heldUnder } from '../../core/quarantine.ts'
import type { Settings } from '../../core/settings.ts'
import { createStore, storePaths } from '../../store/layout.ts'
import { removeTree } from '../../system/tree.ts'
import { loadBudgets, saveBudget } from '../budgets.ts'
import { policyOf } from '../policy.ts'
import { floorOf, stageJob } from './check-job.ts'
import type { StageVerdict } from './stage-protocol.ts'
import { stage } from './staging.ts'

export type SourceAnswer =
  | { readonly kind: 'vouched'; readonly version: string; readonly name: string; readonly proofs: readonly string[] }
  /** It answers, and what it offers is not taken, or not yet. */
  | { readonly kind: 'not-taken'; readonly message: string }
  | { readonly kind: 'trouble'; readonly message: string }

const DEADLINE_MS = 60_000

/** Never rejects. */
export async function probeSource(settings: Settings, ledger: Ledger): Promise<SourceAnswer> {
  const folder = mkdtempSync(join(tmpdir(), 'autoup-doctor-'))
  try {
    // The stager may be another user.
    chmodSync(folder, 0o755)
    const paths = storePaths(folder, settings.name)
    createStore(paths)
    const source = await fetcherFor(settings.source ?? '')
    // A note of what it has cost, where there is a place for it.
    const hasStore = existsSync(settings.stateDir)
    const job = stageJob(settings, paths, source.fetcher.scheme, {
      known: null,
      here: null,
      floor: floorOf(ledger),
      ratchet: ledger.ratchet,
      quarantined: heldUnder(ledger, policyOf(settings, null).launch),
      again: false,
      budgets: loadBudgets(settings.stateDir),
    })
    return await new Promise<SourceAnswer>((resolve) => {
      let found = { version: '', name: '' }
      let answer: SourceAnswer | null = null
      const staging = stage(
        job,
        {
          onProgress(progress) {
            if (progress.type === 'budget' && hasStore) saveBudget(settings.stateDir, progress.key, progress.budget)
            if (progress.type === 'found') found = progress
            if (progress.type !== 'vouched') return
            answer = { kind: 'vouched', version: found.version, name: found.name, proofs: progress.proofs }
            staging.stop()
          },
          onVerdict(verdict) {
            answer ??= answerTo(verdict)
          },
        },
        { deadlineMs: DEADLINE_MS },
      )
      void staging.done.then(() => resolve(answer ?? { kind: 'trouble', message: 'the stager did not finish' }))
    })
  } catch (error) {
    return { kind: 'trouble', message: messageOf(error) }
  } finally {
    await removeTree(folder).catch(() => undefined)
  }
}

function answerTo(verdict: StageVerdict): SourceAnswer {
  switch (verdict.type) {
    case 'staged':
      return { kind: 'vouched', version: verdict.build.version, name: '', proofs: verdict.build.proofs }
    case 'unchanged':
      return { kind: 'not-taken', message: 'it offers nothing' }
    case 'refused':
      return { kind: 'not-taken', message: refusalOf(verdict) }
    case 'held':
      return { kind: 'not-taken', message: `${verdict.version} is in quarantine: ${verdict.reason}` }
    case 'incomplete':
      return { kind: 'not-taken', message: verdict.message }
    case 'error':
      return { kind: 'trouble', message: verdict.message }
  }
}
