/**
 * What must hold of a store at every instant, looked at from outside: the ledger is one, every build that stands in
 * `builds/` is whole to the last byte, and the links say what the ledger says.
 */

import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Ledger } from '../../src/core/ledger.ts'
import { checkSeal, isWhole } from '../../src/store/check-seal.ts'
import { type StorePaths, storePaths } from '../../src/store/layout.ts'
import { parseLedger } from '../../src/store/ledger-schema.ts'
import type { Master } from './master.ts'

export function storeOf({ stateDir, name }: Pick<Master, 'stateDir' | 'name'>): StorePaths {
  return storePaths(stateDir, name)
}

/** Null before anything was recorded. Throws when it is there and is no ledger. */
export function ledgerOf(paths: StorePaths): Ledger | null {
  if (!existsSync(paths.state)) return null
  const text = readFileSync(paths.state, 'utf8')
  const ledger = parseLedger(JSON.parse(text))
  if (ledger === null) throw new Error(`no ledger: ${text}`)
  return ledger
}

/** Everything that is wrong with the builds; reads every byte of them. */
export async function problemsOf(paths: StorePaths): Promise<string[]> {
  const problems: string[] = []
  for (const id of existsSync(paths.builds) ? readdirSync(paths.builds) : []) {
    const check = await checkSeal(paths, id, { full: true })
    if (!isWhole(check) || check.strangers.length > 0) problems.push(`${id}: ${JSON.stringify(check)}`)
  }
  const committed = ledgerOf(paths)?.committed?.id
  if (committed !== undefined && !existsSync(`${paths.builds}/${committed}`)) problems.push(`${committed} is gone`)
  return problems
}

/** The builds that `current` and `previous` point at. */
export function linksOf(paths: StorePaths): { current: string | null; previous: string | null } {
  return { current: linkOf(paths.current), previous: linkOf(paths.previous) }
}

/** What stands in `tmp/`. */
export function temporariesOf(paths: StorePaths): string[] {
  return existsSync(paths.tmp) ? readdirSync(paths.tmp) : []
}

function linkOf(path: string): string | null {
  try {
    return readlinkSync(path).replace(/^builds\//, '')
  } catch {
    return null
  }
}
