/**
 * What is no longer needed in a store. A build goes in one rename out of `builds/` and is removed then, so that a crash
 * never leaves half of one there; nor in `tmp/`, which is lent to stagers. Whatever somebody has written into is not
 * ours to delete: it is moved aside.
 */

import { renameSync } from 'node:fs'
import { chmod, lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { BuildId } from '../core/build.ts'
import { syncDirectory } from '../system/atomic.ts'
import { removeTree } from '../system/tree.ts'
import { type BuildFile, buildFolder, readBuildFile, treeFolder } from './build-file.ts'
import { checkSeal, isWhole } from './check-seal.ts'
import { buildsInUse } from './in-use.ts'
import type { StorePaths } from './layout.ts'
import { PARTIAL_PREFIX } from './partial-file.ts'
import { areRegenerable } from './regenerable.ts'
import { moveAside } from './seal.ts'
import { storeTrouble } from './trouble.ts'

export interface SweepOptions {
  /** Builds kept besides the protected ones, the newest. */
  readonly keep: number
  /** Current, previous, candidate; what a living process runs from stays anyhow. */
  readonly protect: ReadonlySet<BuildId>
  /** Asked once more right before a build goes: looking through a store takes a while. */
  readonly isNeeded?: (id: BuildId) => boolean
}

/** A download that nobody took up again in this time is of no use any more. */
const PARTIAL_KEPT_MS = 86_400_000

/** What is being removed, beside `builds/`. */
const SWEPT_PREFIX = 'swept-'

/**
 * Empties `tmp/`, but for what a download can go on from: at start, under the lock, when nobody stages. What is left
 * when it is aborted goes at the next start.
 */
export async function sweepTmp(paths: StorePaths, signal?: AbortSignal): Promise<void> {
  try {
    for (const name of await readdir(paths.tmp)) {
      if (signal?.aborted) return
      const path = join(paths.tmp, name)
      if (name.startsWith(PARTIAL_PREFIX) && Date.now() - (await lstat(path)).mtimeMs < PARTIAL_KEPT_MS) continue
      await removeTree(path)
    }
    for (const name of await readdir(paths.root)) {
      if (name.startsWith(SWEPT_PREFIX)) await removeTree(join(paths.root, name))
    }
  } catch (cause) {
    throw storeTrouble('write', paths.tmp, cause)
  }
}

/** Gives the builds that are gone from `builds/`, oldest first; those with strangers are in `aside/` now. */
export async function sweepBuilds(paths: StorePaths, options: SweepOptions): Promise<BuildId[]> {
  try {
    const swept: BuildId[] = []
    const free = superfluous(await builds(paths), options)
    const inUse = free.length > 0 ? await buildsInUse(paths) : null
    for (const { id } of free) {
      if (!inUse?.has(id) && (await sweepBuild(paths, id, options.isNeeded ?? (() => false)))) swept.push(id)
    }
    return swept
  } catch (cause) {
    throw storeTrouble('write', paths.builds, cause)
  }
}

/** Only what is a build: anything else under `builds/` was put there by somebody else. */
async function builds(paths: StorePaths): Promise<BuildFile[]> {
  const names = await readdir(paths.builds)
  return names.flatMap((name) => readBuildFile(paths, name) ?? [])
}

function superfluous(all: readonly BuildFile[], { keep, protect }: SweepOptions): BuildFile[] {
  const free = all.filter(({ id }) => !protect.has(id)).sort(byAge)
  return free.slice(0, Math.max(0, free.length - keep))
}

/** ISO 8601 in UTC sorts as text. */
function byAge(a: BuildFile, b: BuildFile): number {
  const left = `${a.stagedAt} ${a.id}`
  const right = `${b.stagedAt} ${b.id}`
  return left < right ? -1 : left > right ? 1 : 0
}

async function sweepBuild(paths: StorePaths, id: BuildId, isNeeded: (id: BuildId) => boolean): Promise<boolean> {
  const check = await checkSeal(paths, id, { full: false })
  // Moved aside a build stays for ever, so that must not become the way of every build in Python.
  const isOurs = isWhole(check) && (await areRegenerable(treeFolder(paths, id), check.strangers))
  if (isNeeded(id)) return false
  if (!isOurs) {
    await moveAside(paths, id)
    return true
  }
  const doomed = join(paths.root, SWEPT_PREFIX + id)
  await removeTree(doomed)
  // rename(2) of a folder writes its `..`, which needs the folder itself to be writable for all but root.
  await chmod(buildFolder(paths, id), 0o755)
  if (isNeeded(id)) return false
  renameSync(buildFolder(paths, id), doomed)
  syncDirectory(paths.builds)
  await removeTree(doomed)
  return true
}
