import { describe, expect, test } from 'vitest'
import type { AutoupEvent } from '../../src/core/events.ts'
import { sentence } from '../../src/report/sentence.ts'
import { EVENTS } from './events.ts'

/** Fields that a person has no use for in a line. */
const SILENT = new Set(['type', 'worker', 'build', 'sequence', 'at', 'name', 'expected', 'purpose', 'how', 'result'])

describe('every event', () => {
  test.each(EVENTS.map((event) => [event.type, event] as const))('%s says all it knows', (_type, event) => {
    const { text, subject } = sentence(event)
    expect(subject).toMatch(/^[a-z]{4,8}$/)
    for (const [key, value] of Object.entries(event)) {
      if (SILENT.has(key) || key.endsWith('Ms') || (key === 'generation' && event.type.startsWith('worker-'))) continue
      if (key === 'bytes' || key === 'total' || (key === 'generation' && event.type === 'promotion-ready')) continue
      if (typeof value === 'string' && event.type !== 'settled') expect(text).toContain(value)
      if (Array.isArray(value)) for (const each of value) expect(text).toContain(String(each))
    }
    expect(text).not.toMatch(/undefined|null|NaN|\[object/)
  })
})

describe('the weight of an event', () => {
  const exited: AutoupEvent = {
    type: 'worker-exited',
    how: 'exited with 1',
    expected: true,
    afterMs: 10,
    worker: 1,
    pid: 2,
    build: 'command',
    version: '',
    generation: 1,
  }

  test('a worker that ends as it was asked to is no news, one that dies is', () => {
    expect(sentence(exited).weight).toBe('info')
    expect(sentence({ ...exited, expected: false })).toMatchObject({
      weight: 'warning',
      text: 'pid 2 died: exited with 1 after 10 ms',
    })
  })

  test.each([
    ['unchanged', 'detail'],
    ['committed', 'good'],
    ['rolled-back', 'error'],
    ['quarantined', 'warning'],
  ] as const)('a result of %s is %s', (outcome, weight) => {
    expect(sentence({ type: 'settled', outcome, message: '', version: null })).toMatchObject({ weight, text: outcome })
  })
})

test('builds of one version are told apart by their digest, and a digest is not said twice', () => {
  const build = `sha256-${'3f'.repeat(32)}`
  const reason = 'empty'
  expect(sentence({ type: 'build-refused', build, version: '1.5.0', reason }).text).toMatch(
    /^1\.5\.0 \(3f3f3f3f3f3f\) /,
  )
  expect(sentence({ type: 'build-refused', build, version: '3f3f3f3f3f3f', reason }).text).toMatch(/^3f3f3f3f3f3f is/)
})

test('an event of another version of autoup is named, and breaks nothing', () => {
  const unheardOf = { type: 'worker-moved' } as unknown as AutoupEvent
  expect(sentence(unheardOf)).toEqual({ subject: 'event', weight: 'info', text: 'worker-moved' })
})
