import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from './master.ts'
import { tail } from './tail.ts'
import { until } from './until.ts'

test('every line arrives once and whole, however it was written', async () => {
  const path = join(temporaryDirectory(), 'log')
  writeFileSync(path, 'first\nsec')
  const lines: string[] = []
  const following = tail(path, (line) => lines.push(line))
  expect(lines).toEqual(['first'])
  appendFileSync(path, 'ond\n')
  await until('the second line', () => lines.length === 2)
  appendFileSync(path, 'thi')
  appendFileSync(path, 'rd ü\nfourth\n')
  following.close()
  expect(lines).toEqual(['first', 'second', 'third ü', 'fourth'])
})
