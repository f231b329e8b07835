/**
 * Budgets of calls as values: what others wrote is looked at, and what is over is forgotten. Sources count by the hour,
 * and a clock may be wrong, so nothing is believed for longer. Pure; moments are wall clock, in ms since 1970.
 */

import type { CallBudget } from './source.ts'

export type Budgets = Readonly<Record<string, CallBudget>>

const HOUR_MS = 3_600_000

export function isBudgetKey(value: unknown): value is string {
  return typeof value === 'string' && /^[\w.:-]{1,64}$/.test(value)
}

/** What of it can be believed and still says something. */
export function readBudget(value: unknown, now: number): CallBudget {
  const { calls, blockedUntil } = (value ?? {}) as Partial<Record<keyof CallBudget, unknown>>
  return { calls: readCalls(calls, now), blockedUntil: isAhead(blockedUntil, now) ? blockedUntil : null }
}

export function isEmptyBudget({ calls, blockedUntil }: CallBudget): boolean {
  return calls === null && blockedUntil === null
}

/** Those of a record that still say something. */
export function readBudgets(value: unknown, now: number): Budgets {
  const entries = Object.entries((value ?? {}) as Record<string, unknown>).flatMap(([key, one]) => {
    const budget = readBudget(one, now)
    return isBudgetKey(key) && !isEmptyBudget(budget) ? [[key, budget] as const] : []
  })
  return Object.fromEntries(entries.slice(0, 100))
}

function readCalls(value: unknown, now: number): CallBudget['calls'] {
  const { limit, remaining, resetAt } = (value ?? {}) as Record<string, unknown>
  if (!isCount(limit) || !isCount(remaining) || !isAhead(resetAt, now)) return null
  return { limit, remaining, resetAt }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isAhead(value: unknown, now: number): value is number {
  return isCount(value) && value > now && value <= now + HOUR_MS
}
