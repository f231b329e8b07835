/**
 * The budgets of calls that sources have announced, in one file of the state directory: a budget is that of an address
 * or of a token, so all services there share it, and commands that ask a source themselves. It is a note and no
 * decision: one that is lost or could not be written costs a call that is refused.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Budgets, isEmptyBudget, readBudgets } from '../core/budget.ts'
import type { BudgetBook, CallBudget } from '../core/source.ts'
import { createFolder } from '../store/layout.ts'
import { writeAtomically } from '../system/atomic.ts'

/** No service can have this name. */
const FILE = '.budgets.json'

export function loadBudgets(stateDir: string): Budgets {
  try {
    return readBudgets(JSON.parse(readFileSync(join(stateDir, FILE), 'utf8')), Date.now())
  } catch {
    return {}
  }
}

/** Two that write at one moment may lose what one of them knew: the next answer of that source says it again. */
export function saveBudget(stateDir: string, key: string, budget: CallBudget): void {
  try {
    const before = loadBudgets(stateDir)
    if (isEmptyBudget(budget) && before[key] === undefined) return
    const all = readBudgets({ ...before, [key]: budget }, Date.now())
    createFolder(stateDir, 0o755)
    writeAtomically(join(stateDir, FILE), `${JSON.stringify(all, null, 1)}\n`, 0o600)
  } catch {
    // A store that cannot be written says so where it matters.
  }
}

/** For one job; `note` also hears what the job itself has noted. */
export function bookOf(budgets: Budgets, note: BudgetBook['note']): BudgetBook {
  const own = new Map(Object.entries(budgets))
  return {
    of: (key) => own.get(key) ?? null,
    note(key, budget) {
      own.set(key, budget)
      note(key, budget)
    },
  }
}
