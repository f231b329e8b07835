/** Every command line that the documentation shows is one that the program takes. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { COMMANDS, loadCommand } from '../../src/cli/commands.ts'

const ROOT = join(import.meta.dirname, '../..')
const pages = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

/** `autoup …` at the start of an indented or fenced line, or in backquotes; what follows `#`, `&&` or `|` is left out. */
function commandLines(text: string): string[] {
  const blocks = text
    .split('\n')
    .filter((line) => /^( {4}|autoup |sudo autoup )/.test(line))
    .map((line) => line.trim())
  const spans = [...text.matchAll(/`(autoup [^`]+)`/g)].map(([, line]) => line as string)
  return [...blocks, ...spans]
    .map((line) => line.replace(/^(?:sudo )?(?:[A-Z_]+=\S+ )*/, ''))
    .filter((line) => line.startsWith('autoup '))
    .map((line) => line.split(/\s+(?:#|&&|\||&)(?:\s|$)|\s&$/)[0] as string)
}

describe.each(pages)('%s', (page) => {
  const lines = [...new Set(commandLines(readFileSync(join(ROOT, page), 'utf8')))]

  for (const line of lines)
    test(line, async () => {
      const [, name = '', ...words] = line.split(/\s+/)
      if (name.startsWith('-') || name.startsWith('<') || name === 'help') return
      const spec = await loadCommand(name)
      expect(spec, `there is no command ${name}`).not.toBeNull()
      const own = words.includes('--') ? words.slice(0, words.indexOf('--')) : words
      const known = new Set(['help', ...spec!.options.map(({ flag }) => flag)])
      const flags = own.filter((word) => word.startsWith('--')).map((word) => word.slice(2).replace(/[=\]].*$/, ''))
      for (const flag of flags) expect([...known], `${name} has no --${flag}`).toContain(flag)
    })

  test('links to pages that are there', () => {
    const text = readFileSync(join(ROOT, page), 'utf8')
    const folder = join(ROOT, page, '..')
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      expect(readdirSync(join(folder, target, '..')), `${page} links to ${target}`).toContain(
        target.split('/').filter(Boolean).at(-1),
      )
    }
  })
})

/** The last cell of a table row: what stands there is ours. */
function optionsIn(text: string): string[] {
  const cells = text.split('\n').flatMap((line) => /\|([^|]*)\|\s*$/.exec(line)?.[1] ?? [])
  return cells.flatMap((cell) => [...cell.matchAll(/`--([a-z][a-z0-9-]*)[^`]*`/g)].map(([, flag = '']) => flag))
}

describe('where a feature of something else is said to be an option, there is one', () => {
  const flags = optionsIn(readFileSync(join(ROOT, 'docs/coming-from.md'), 'utf8'))

  test.each([...new Set(flags)])('--%s', async (flag) => {
    const specs = await Promise.all(Object.values(COMMANDS).map(({ load }) => load()))
    expect(specs.flatMap(({ options }) => options.map((option) => option.flag))).toContain(flag)
  })
})
