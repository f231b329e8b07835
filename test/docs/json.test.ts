/** docs/json.md against what is printed: each field is there, and no other. The compiler asks the examples for all of them. */

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { BudgetStatus, QuarantineStatus } from '../../src/core/status.ts'
import { DONE, ROW, STATUS } from '../cli/fake-master.ts'
import { EVENTS } from '../report/events.ts'

const PAGE = readFileSync(new URL('../../docs/json.md', import.meta.url), 'utf8')

/** The rows below this head, by their cells. */
function rowsOf(head: string): string[][] {
  const [, rows = ''] = PAGE.split(`| ${head} |`)[1]?.match(/^[^\n]*\n\| --- \| --- \|\n((?:\|.*\n)+)/) ?? []
  return rows.split('\n').flatMap((row) => {
    const cells = row.split('|').slice(1, -1)
    return cells.length > 0 ? [cells.map((cell) => cell.trim())] : []
  })
}

function wordsOf(text = ''): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word)
}

const BUDGET: BudgetStatus = { limit: 60, remaining: 41, resetAt: null, blockedUntil: null }
const HELD: QuarantineStatus = { build: '', version: '', reason: '', at: '' }

describe('the fields', () => {
  test.each([
    ['field', STATUS],
    ['field of a build', STATUS.current],
    ['field of a worker', STATUS.workers[0]],
    ['field of a release', ROW],
    ['field of a check', DONE],
  ])('%s', (head, example) => {
    const named = rowsOf(head).flatMap(([names]) => wordsOf(names))
    expect(named.sort()).toEqual(Object.keys(example ?? {}).sort())
  })

  test.each([
    ['listen', STATUS.listen[0]],
    ['lastCheck', STATUS.lastCheck],
    ['budget', BUDGET],
    ['quarantine', HELD],
  ])('within %s', (field, example) => {
    const said = wordsOf(rowsOf('field').find(([names]) => wordsOf(names).includes(field))?.[1])
    expect(said).toEqual(expect.arrayContaining(Object.keys(example ?? {})))
  })
})

test('the events, each with what it has', () => {
  const build = ['build', 'version']
  const worker = ['worker', 'pid', 'generation', ...build]
  const said = rowsOf('`type`').flatMap(([types, fields = '']) => {
    const shared = fields.startsWith('of a worker') ? worker : fields.startsWith('of a build') ? build : []
    return wordsOf(types).map((type) => [type, ['type', ...shared, ...wordsOf(fields)].sort()])
  })
  const all = EVENTS.map((event) => [event.type, Object.keys(event).sort()])
  expect(Object.fromEntries(said)).toEqual(Object.fromEntries(all))
  expect(said).toHaveLength(all.length)
})
