/**
 * The installed program: the file that the operator put in place and starts. It is a build like any other, only that it
 * came by hand. A single executable is staged into the store the first time it is seen, so that there is something to
 * return to whatever becomes of the file: where nothing is committed it is the first committed build, and where another
 * one is, it is a candidate that has to prove itself as a fetched one has. What was seen stands in `installed.json`.
 *
 * A script is more than one file, so it cannot be staged: until a build is committed it serves as it lies there.
 */

import { readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isSea } from 'node:sea'
import type { Build, BuildId } from '../core/build.ts'
import { AutoupError } from '../core/errors.ts'
import type { Ledger } from '../core/ledger.ts'
import { heldBy } from '../core/quarantine.ts'
import { LIMITS, type Settings } from '../core/settings.ts'
import { policyOf } from '../runtime/policy.ts'
import { stageJob } from '../runtime/stager/check-job.ts'
import type { StageVerdict } from '../runtime/stager/stage-protocol.ts'
import { stage } from '../runtime/stager/staging.ts'
import { takeStaged } from '../runtime/stager/take-staged.ts'
import type { StorePaths } from '../store/layout.ts'
import { saveLedger } from '../store/ledger-file.ts'
import { writeAtomically } from '../system/atomic.ts'
import { digestOf, ownFile } from './state.ts'

/** A file that is being written settles in less. */
const TRIES = 3

interface Seen {
  readonly path: string
  /** Of a script its digest; of an executable, which is large, what changes with every write and replacement. */
  readonly look: string
  /** Null for a script. */
  readonly build: BuildId | null
}

export interface Installed {
  /** Null for a script. */
  readonly build: BuildId | null
  /** Not seen before: whatever is committed, its code is the master's. */
  readonly isNew: boolean
  readonly ledger: Ledger
}

/** Whether this process runs from a build of the store. */
export function runsFromStore(paths: StorePaths): boolean {
  try {
    return realpathSync(ownFile()).startsWith(`${realpathSync(paths.builds)}/`)
  } catch {
    return false
  }
}

/** Under the lock. Throws AutoupError where it cannot be staged or recorded; nothing is changed then. */
export async function takeInstalled(
  settings: Settings,
  paths: StorePaths,
  ledger: Ledger,
  version: string | null,
): Promise<Installed> {
  const path = ownFile()
  const look = isSea() ? lookOf(path) : digestOf(path)
  const seen = readSeen(paths)
  const isNew = seen === null || seen.path !== path || seen.look !== look
  if (!isSea()) {
    if (isNew) remember(paths, { path, look, build: null })
    return { build: null, isNew, ledger }
  }
  if (!isNew && ledger.committed !== null) return { build: seen.build, isNew, ledger }
  const build = await stageFile(settings, paths, path, version)
  // Only touched, or copied over with the same bytes.
  const isOther = seen?.build !== build.id
  const next = isOther || ledger.committed === null ? withInstalled(settings, ledger, build, version) : ledger
  if (next !== ledger) saveLedger(paths, next)
  remember(paths, { path, look, build: build.id })
  return { build: build.id, isNew: isOther, ledger: next }
}

/** What failed here once is not started again by being copied once more. */
function withInstalled(settings: Settings, ledger: Ledger, build: Build, version: string | null): Ledger {
  if (ledger.committed === null) {
    return { ...ledger, committed: { ...build, committedAt: new Date().toISOString() }, floor: version }
  }
  const isHeld = heldBy(ledger, build.id, policyOf(settings, null).launch) !== null
  if (ledger.committed.id === build.id || isHeld) return ledger
  return { ...ledger, candidate: { build, attemptsLeft: LIMITS.attempts } }
}

async function stageFile(settings: Settings, paths: StorePaths, path: string, version: string | null): Promise<Build> {
  // The operator has put it there: what is demanded of a source says nothing of it.
  const own = { ...settings, source: `file:${path}`, sha256: null, publicKey: null, minAgeMs: 0, command: [] }
  const anew = { known: null, floor: null, ratchet: null, quarantined: [], again: true, budgets: {} }
  const job = stageJob(own, paths, 'file', anew)
  for (let tries = 1; ; tries++) {
    const verdict = await new Promise<StageVerdict>((resolve) => {
      stage(job, { onProgress: () => undefined, onVerdict: resolve })
    })
    if (verdict.type === 'staged') {
      const build = await takeStaged(paths, verdict)
      return { ...build, version: version ?? build.version }
    }
    if (verdict.type !== 'incomplete' || tries === TRIES) {
      const why = 'reason' in verdict ? verdict.reason : 'message' in verdict ? verdict.message : verdict.type
      throw new AutoupError('failed', `the installed program ${path} cannot be staged: ${why}`)
    }
  }
}

function lookOf(path: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
  return [dev, ino, size, mtimeNs, ctimeNs].join()
}

function fileOf(paths: StorePaths): string {
  return join(dirname(paths.state), 'installed.json')
}

function remember(paths: StorePaths, seen: Seen): void {
  writeAtomically(fileOf(paths), `${JSON.stringify(seen)}\n`, 0o600)
}

/** A damaged file is one that has not been seen. */
function readSeen(paths: StorePaths): Seen | null {
  try {
    const { path, look, build } = JSON.parse(readFileSync(fileOf(paths), 'utf8')) as Partial<Seen>
    return typeof path === 'string' && typeof look === 'string' ? { path, look, build: build ?? null } : null
  } catch {
    return null
  }
}
