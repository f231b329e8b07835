/** The tables of docs/embedding.md against the tests that show what they say. */

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

const NAMES = [...read('docs/embedding.md').matchAll(/^\| ((?:`[\w()]+`(?:, )?)+) +\|/gm)]
  .flatMap(([, cell = '']) => [...cell.matchAll(/\w+/g)])
  .map(String)

const TITLES = ['test/e2e/embedding.test.ts', 'test/e2e/embedding-fetch.test.ts']
  .flatMap((path) => [...read(path).matchAll(/^ *(?:test|describe)\('(.*)', /gm)])
  .map(([, title]) => title)

test('has the rows of both tables', () => {
  expect(NAMES).toEqual(expect.arrayContaining(['Program', 'IsSupported', 'NoWarn', 'Enabled', 'BinPath']))
})

test.each([...new Set(NAMES)])('%s has a test of its name', (name) => {
  const titled = new RegExp(`^(?:\\w+(?:\\(\\))?, )*${name}(?:\\(\\))?(?:, \\w+)*(?::|$)`)
  expect(TITLES.filter((title) => titled.test(title ?? ''))).not.toEqual([])
})
