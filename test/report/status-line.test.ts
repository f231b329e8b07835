import { expect, test } from 'vitest'
import type { Standing } from '../../src/core/status.ts'
import { statusLine } from '../../src/report/status-line.ts'

/** Of the local day, as it is shown. */
const at = (hours: number, minutes: number): string => new Date(2026, 0, 1, hours, minutes, 30).toISOString()

const STANDING: Standing = {
  state: 'idle',
  current: { build: 'sha256-1', version: '1.4.2', stagedAt: at(9, 0), committedAt: at(9, 1), proofs: [] },
  candidate: null,
  instances: 1,
  workers: [{ state: 'ready' }],
  lastCheck: { at: at(14, 3), result: 'unchanged', message: 'nothing new' },
  nextCheckAt: at(14, 4),
  paused: false,
}

test.each<[string, Partial<Standing>, string]>([
  ['in service', {}, '1.4.2 serves; checked 14:03; next 14:04'],
  ['before the first check', { lastCheck: null, nextCheckAt: null }, '1.4.2 serves'],
  ['paused', { paused: true }, '1.4.2 serves; checked 14:03; paused; next 14:04'],
  [
    'with a source that cannot be reached',
    { lastCheck: { at: at(14, 3), result: 'error', message: 'connect ECONNREFUSED\n127.0.0.1:1' } },
    '1.4.2 serves; check failed 14:03 (connect ECONNREFUSED 127.0.0.1:1); next 14:04',
  ],
])('%s', (_, change, line) => {
  expect(statusLine({ ...STANDING, ...change })).toBe(line)
})

test('is short and has no control characters, whatever a source says', () => {
  const lastCheck = { at: at(14, 3), result: 'error' as const, message: `\u001b[31m${'x'.repeat(5_000)}` }
  const line = statusLine({ ...STANDING, lastCheck })
  expect(line.length).toBeLessThan(250)
  expect(line).not.toMatch(/\p{Cc}/u)
})
