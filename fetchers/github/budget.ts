/**
 * The budget of calls: GitHub gives 60 an hour to an address without a token and 5 000 with one, and says with each
 * answer how many are left (docs.github.com, "Rate limits for the REST API"). A 304 costs nothing with a token, and one
 * call without. Once half is gone, what is left is spread over the time until the budget is full again, so it lasts at
 * any interval; a few calls are kept for the download of what a check finds. Wall clock, because that is what GitHub
 * speaks of; never trusted for more than an hour.
 */

import { createHash } from 'node:crypto'
import type { CallBudget } from '../../src/core/source.ts'

export type Budget = NonNullable<CallBudget['calls']>

type Headers = Readonly<Record<string, string>>

/** Calls that checks leave for a download. */
const RESERVE = 6
const HOUR_MS = 3_600_000
/** Without a word on how long, "wait at least one minute". */
const SECONDARY_WAIT_MS = 60_000

/** Null where the answer does not say, as on a GHES without limits. */
export function readBudget(headers: Headers, now: number): Budget | null {
  const limit = count(headers['x-ratelimit-limit'])
  const remaining = count(headers['x-ratelimit-remaining'])
  const reset = count(headers['x-ratelimit-reset'])
  if (limit === null || remaining === null || reset === null) return null
  return { limit, remaining, resetAt: Math.min(reset * 1_000, now + HOUR_MS) }
}

/** How long the next check must wait so that the budget lasts; 0 where there is plenty or nothing is known. */
export function paceMs(budget: Budget | null, now: number): number {
  const left = budget === null ? 0 : untilReset(budget, now)
  if (budget === null || left === 0 || budget.remaining > budget.limit / 2) return 0
  const calls = budget.remaining - RESERVE
  return calls <= 0 ? left : Math.ceil(left / calls)
}

/** What is left must not be asked for: milliseconds until it may, or 0. */
export function spentMs(budget: Budget | null, now: number): number {
  return budget !== null && budget.remaining === 0 ? untilReset(budget, now) : 0
}

/** For a 403 or 429: how long GitHub wants to be left alone, or null when that is not why it refused. */
export function limitedMs(status: number, headers: Headers, message: string, now: number): number | null {
  if (status !== 403 && status !== 429) return null
  const after = retryAfterMs(headers['retry-after'], now)
  if (after !== null) return Math.min(HOUR_MS, after)
  const budget = readBudget(headers, now)
  if (budget?.remaining === 0) return Math.max(1_000, untilReset(budget, now))
  return status === 429 || /rate limit|abuse/i.test(message) ? SECONDARY_WAIT_MS : null
}

/** UTC, as everywhere. */
export function clock(ms: number): string {
  return `${new Date(ms).toISOString().slice(11, 16)} UTC`
}

/** One call that no answer of the API tells of, as when it leads to the host of the assets. */
export function spend(budget: Budget | null): Budget | null {
  return budget === null ? null : { ...budget, remaining: Math.max(0, budget.remaining - 1) }
}

/** Whose budget it is: of an address, or of a token. Sixteen bits tell tokens apart, and give none away. */
export function budgetKey(api: string, token: string | null): string {
  const of = createHash('sha256')
    .update(`${api}\0${token ?? ''}`)
    .digest('hex')
    .slice(0, 4)
  return `github:${new URL(api).hostname.replace(/[^\w.-]/g, '').slice(0, 40)}:${token === null ? 'address' : 'token'}:${of}`
}

function untilReset({ resetAt }: Budget, now: number): number {
  return Math.min(HOUR_MS, Math.max(0, resetAt - now))
}

/** Seconds or a date (RFC 9110, 10.2.3). */
function retryAfterMs(value: string | undefined, now: number): number | null {
  const seconds = count(value)
  if (seconds !== null) return seconds * 1_000
  const date = Date.parse(value ?? '')
  return Number.isNaN(date) ? null : Math.max(0, date - now)
}

function count(value: string | undefined): number | null {
  return value !== undefined && /^\d{1,15}$/.test(value.trim()) ? Number(value) : null
}
