import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import type { State } from '../../src/core/state.ts'
import { EVENT_CHANNEL, EventLog } from '../../src/runtime/event-log.ts'
import { History } from '../../src/runtime/history.ts'
import { onEnd } from '../support/on-end.ts'

function check(message: string): { lastCheck: NonNullable<State['lastCheck']> } {
  return { lastCheck: { at: '2026-01-01T00:00:00.000Z', result: 'unchanged', message } }
}

test('a check counts once, however often the state comes to rest', () => {
  const history = new History()
  const first = check('first')
  history.follow({ lastCheck: null })
  history.follow(first)
  history.follow(first)
  history.follow(check('second'))
  expect(history.checks.map(({ message }) => message)).toEqual(['first', 'second'])
  expect(history.tally.checks.unchanged).toBe(2)
})

test('only the last checks are kept, and all are counted', () => {
  const history = new History()
  for (let each = 1; each <= 100; each++) history.follow(check(String(each)))
  expect(history.checks).toHaveLength(60)
  expect(history.checks.at(-1)?.message).toBe('100')
  expect(history.tally.checks.unchanged).toBe(100)
})

test('whoever shares the process hears every event on the channel autoup:event', () => {
  const heard: unknown[] = []
  const listen = (event: unknown): void => void heard.push(event)
  const log = new EventLog()
  log.emit({ type: 'paused' })
  subscribe(EVENT_CHANNEL, listen)
  onEnd(() => unsubscribe(EVENT_CHANNEL, listen))
  log.emit({ type: 'resumed' })
  expect(EVENT_CHANNEL).toBe('autoup:event')
  expect(heard).toEqual([{ type: 'resumed', at: expect.any(String), sequence: 2 }])
})
