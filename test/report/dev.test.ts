import { expect, test } from 'vitest'
import type { AutoupEvent } from '../../src/core/events.ts'
import { devReporter } from '../../src/report/dev.ts'
import { EVENTS, stamped } from './events.ts'

function told(...events: AutoupEvent[]): string[] {
  const lines: string[] = []
  const report = devReporter({ write: (text) => lines.push(text) })
  for (const event of events) report(stamped(event))
  return lines
}

const of = { worker: 1, pid: 5, build: 'command', version: '' }
const ready = { type: 'worker-ready', afterMs: 92, how: 'READY=1', generation: 1, ...of } as const
const failed = {
  type: 'promotion-failed',
  purpose: 'restart',
  reason: 'exited with 1',
  build: 'command',
  version: '',
} as const
const changed = { type: 'files-changed', paths: ['a.js', 'b.js'], count: 5 } as const
const waits = { type: 'worker-failed', reason: 'exited with 1', retryInMs: null, generation: 1, ...of } as const

test('a swap is a line for what has changed and a line for what came of it', () => {
  const swapped = {
    type: 'promotion-ready',
    purpose: 'restart',
    generation: 2,
    afterMs: 80,
    build: '',
    version: '',
  } as const
  expect(told(ready, changed, { ...ready, pid: 6, generation: 2 }, swapped)).toEqual([
    'autoup: ready after 92 ms\n',
    'autoup: a.js, b.js and 3 more\n',
    'autoup: swapped after 80 ms\n',
  ])
})

test('a failure says what serves', () => {
  expect(told(ready, failed).at(-1)).toBe('autoup: the new one failed: exited with 1; the one before serves on\n')
  expect(told(failed)).toEqual(['autoup: the new one failed: exited with 1; it waits for a change\n'])
  const gone = { type: 'worker-exited', how: 'SIGTERM', expected: true, afterMs: 1, generation: 1, ...of } as const
  expect(told(ready, gone, failed).at(-1)).toMatch(/it waits for a change/)
})

test('is told once, also where the way back fails as well', () => {
  expect(told(waits, failed)).toEqual(['autoup: failed: exited with 1; it waits for a change\n'])
  expect(told(waits, changed, failed)).toHaveLength(3)
})

test('nothing of what was overtaken is said', () => {
  expect(told(ready, { ...failed, reason: 'the files have changed again' })).toHaveLength(1)
})

test('is one line without control characters, whatever the event says', () => {
  for (const event of EVENTS) for (const line of told(event)) expect(line).toMatch(/^autoup: \P{Cc}+\n$/u)
  expect(told({ type: 'warning', message: 'a\u001b[2Jb\nc' })).toEqual(['autoup: a\\x1b[2Jb c\n'])
})
