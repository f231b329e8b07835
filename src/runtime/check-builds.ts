/**
 * The builds of the ledger, looked at when the master starts. What is not as it was sealed is not staged: a candidate
 * is none any more. A committed build is started all the same, for there is nothing better.
 */

import { type BuildId, nameOf } from '../core/build.ts'
import type { Ledger } from '../core/ledger.ts'
import { treeFolder } from '../store/build-file.ts'
import { checkSeal, damageOf, type SealCheck, WHOLE } from '../store/check-seal.ts'
import type { StorePaths } from '../store/layout.ts'
import { storeTrouble } from '../store/trouble.ts'

/**
 * What the last check remembered is forgotten with a damaged build, so that the next one stages the same build anew.
 */
export async function checkBuilds(
  paths: StorePaths,
  ledger: Ledger,
  isStopping: AbortSignal,
  warn: (message: string) => void,
): Promise<Ledger> {
  const { committed, candidate } = ledger
  let next = ledger
  for (const [what, build] of [['committed build', committed] as const, ['candidate', candidate?.build] as const]) {
    if (!build) continue
    const damage = damageOf(await look(paths, build.id, isStopping, warn))
    if (damage === null) continue
    warn(`the ${what} ${nameOf(build)} is not as it was sealed (${damage}): it is staged anew`)
    next = { ...next, known: null, candidate: build === committed ? next.candidate : null }
  }
  return next
}

/** Whole, as far as can be known. */
async function look(
  paths: StorePaths,
  id: BuildId,
  signal: AbortSignal,
  warn: (message: string) => void,
): Promise<SealCheck> {
  try {
    return await checkSeal(paths, id, { full: false, signal })
  } catch (error) {
    if (!signal.aborted) warn(storeTrouble('read', treeFolder(paths, id), error).message)
    return WHOLE
  }
}
