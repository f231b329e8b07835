import { describe, expect, test } from 'vitest'
import { budgetKey, limitedMs, paceMs, readBudget, spend, spentMs } from '../../fetchers/github/budget.ts'

const NOW = Date.parse('2026-01-01T12:00:00Z')
const HOUR_MS = 3_600_000
const headers = (limit: string, remaining: string, reset: string) => ({
  'x-ratelimit-limit': limit,
  'x-ratelimit-remaining': remaining,
  'x-ratelimit-reset': reset,
})
const inHalfAnHour = String(NOW / 1_000 + 1_800)

describe('what is left', () => {
  test('is read from the headers', () => {
    const budget = readBudget(headers('60', '57', inHalfAnHour), NOW)
    expect(budget).toEqual({ limit: 60, remaining: 57, resetAt: NOW + 1_800_000 })
    expect(spend(budget)).toEqual({ limit: 60, remaining: 56, resetAt: NOW + 1_800_000 })
    expect(spend({ ...budget!, remaining: 0 })?.remaining).toBe(0)
    expect(spend(null)).toBeNull()
  })

  test('is not known without them, or when they say nothing', () => {
    expect(readBudget({}, NOW)).toBeNull()
    expect(readBudget(headers('60', '-1', inHalfAnHour), NOW)).toBeNull()
    expect(readBudget(headers('60', 'many', inHalfAnHour), NOW)).toBeNull()
  })

  test('is believed for an hour at most, also where the clock is wrong', () => {
    // As @octokit/fixtures has it, in milliseconds.
    expect(readBudget(headers('60', '57', '1507651200000'), NOW)?.resetAt).toBe(NOW + HOUR_MS)
  })

  test('is that of an address, or of a token, of which nothing can be told from its key', () => {
    const api = 'https://api.github.com'
    expect(budgetKey(api, null)).toMatch(/^github:api\.github\.com:address:[0-9a-f]{4}$/)
    expect(budgetKey(api, 'ghp_one')).toMatch(/^github:api\.github\.com:token:[0-9a-f]{4}$/)
    expect(budgetKey(api, 'ghp_two')).not.toBe(budgetKey(api, 'ghp_one'))
    expect(budgetKey('https://[::1]:8443/api/v3', null)).toMatch(/^github:1:address:[0-9a-f]{4}$/)
  })
})

test.each([
  // limit, left, minutes until it is full, minutes to wait
  [60, 60, 60, 0],
  [60, 31, 60, 0],
  [60, 30, 60, 2.5],
  [60, 16, 60, 6],
  [60, 7, 60, 60],
  [60, 6, 60, 60],
  [60, 0, 10, 10],
  [60, 0, 0, 0],
  [60, 0, -5, 0],
  [5_000, 4_000, 60, 0],
  [5_000, 2_406, 60, 0.025],
])('of %i calls %i are left for %i minutes: the next check waits %f minutes', (limit, remaining, minutes, waits) => {
  const budget = { limit, remaining, resetAt: NOW + minutes * 60_000 }
  expect(paceMs(budget, NOW) / 60_000).toBeCloseTo(waits, 5)
  expect(spentMs(budget, NOW)).toBe(remaining === 0 ? Math.max(0, minutes) * 60_000 : 0)
})

test('the default interval without a token never comes near the limit', () => {
  let remaining = 60
  let resetAt = NOW + HOUR_MS
  let at = NOW
  let least = remaining
  while (at < NOW + 10 * HOUR_MS) {
    if (at >= resetAt) [remaining, resetAt] = [60, resetAt + HOUR_MS]
    least = Math.min(least, --remaining)
    at += Math.max(120_000, paceMs({ limit: 60, remaining, resetAt }, at))
  }
  expect(least).toBe(30)
})

test('at any interval, however short, an hour of checks stays within the limit and leaves room for a download', () => {
  for (const interval of [200, 1_000, 10_000, 30_000]) {
    let remaining = 60
    for (let at = NOW; at < NOW + HOUR_MS; ) {
      remaining--
      at += Math.max(interval, paceMs({ limit: 60, remaining, resetAt: NOW + HOUR_MS }, at))
    }
    expect(remaining).toBeGreaterThanOrEqual(6)
  }
})

describe('a refusal', () => {
  test.each([
    ['Retry-After in seconds', 403, { 'retry-after': '12' }, '', 12_000],
    ['Retry-After as a date', 429, { 'retry-after': 'Thu, 01 Jan 2026 12:00:30 GMT' }, '', 30_000],
    ['nothing left', 403, headers('60', '0', inHalfAnHour), '', 1_800_000],
    ['429 alone', 429, {}, '', 60_000],
    ['the message alone', 403, {}, 'You have triggered an abuse detection mechanism', 60_000],
    ['something else that is forbidden', 403, headers('60', '9', inHalfAnHour), 'Resource not accessible', null],
    ['not found', 404, { 'retry-after': '12' }, '', null],
    ['trouble of the server', 502, {}, '', null],
  ])('by %s', (_, status, given, message, waits) => {
    expect(limitedMs(status, given, message, NOW)).toBe(waits)
  })
})
