import { expect, test } from 'vitest'
import type { AutoupEvent } from '../../src/core/events.ts'
import { countCheck, countEvent, EMPTY_TALLY } from '../../src/core/tally.ts'

const build = { build: 'sha256-3f', version: '1.5.0' }
const worker = { worker: 1, pid: 4720, generation: 2, ...build }

function count(...events: AutoupEvent[]): typeof EMPTY_TALLY {
  return events.reduce(countEvent, EMPTY_TALLY)
}

test('a promotion counts once, by its verdict', () => {
  const begin: AutoupEvent[] = [
    { type: 'promotion-started', purpose: 'upgrade', generation: 2, ...build },
    { type: 'promotion-ready', purpose: 'upgrade', generation: 2, afterMs: 9, ...build },
  ]
  expect(count(...begin).promotions).toEqual(EMPTY_TALLY.promotions)
  const committed = count(...begin, { type: 'build-committed', purpose: 'upgrade', ...build })
  expect(committed.promotions.upgrade).toEqual({ committed: 1, failed: 0 })
  const failed = count(
    ...begin,
    { type: 'promotion-failed', purpose: 'upgrade', reason: 'died', ...build },
    { type: 'rolled-back', from: '1.5.0', reason: 'died', ...build },
    { type: 'build-quarantined', reason: 'died', ...build },
  )
  expect(failed).toMatchObject({ rollbacks: 1, quarantined: 1 })
  expect(failed.promotions.upgrade).toEqual({ committed: 0, failed: 1 })
})

test('a restart is over when its workers are ready, for it commits nothing', () => {
  const restart = count({ type: 'promotion-ready', purpose: 'restart', generation: 2, afterMs: 9, ...build })
  expect(restart.promotions.restart).toEqual({ committed: 1, failed: 0 })
})

test('workers count by how they end and how long they took', () => {
  const tally = count(
    { type: 'worker-started', ...worker },
    { type: 'worker-ready', afterMs: 80, how: 'READY=1', ...worker },
    { type: 'worker-ready', afterMs: 40, how: 'READY=1', ...worker },
    { type: 'worker-exited', how: 'exited with 0', expected: true, afterMs: 9, ...worker },
    { type: 'worker-exited', how: 'SIGSEGV', expected: false, afterMs: 9, ...worker },
    { type: 'worker-failed', reason: 'SIGSEGV', retryInMs: 100, ...worker },
    { type: 'worker-killed', reason: 'the drain timeout', ...worker },
  )
  expect(tally).toMatchObject({
    workerStarts: 1,
    workerExits: { expected: 1, unexpected: 1 },
    workerRestarts: 1,
    workerKills: 1,
    ready: { count: 2, ms: 120 },
  })
})

test('checks count by their result', () => {
  const tally = countCheck(countCheck(EMPTY_TALLY, 'unchanged'), 'error')
  expect(tally.checks).toEqual({ unchanged: 1, release: 0, incomplete: 0, error: 1 })
})

test('what is counted elsewhere, or nowhere, changes nothing', () => {
  expect(count({ type: 'paused' }, { type: 'check-finished', result: 'error', message: '' })).toEqual(EMPTY_TALLY)
})
