/**
 * Every `autoup …` of the documentation that speaks to a master is run, to one that answers and remembers, and every
 * `autoup unit`. The words are those that a shell makes of the line. Those that are a master are run in full elsewhere.
 */

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Input } from '../../src/cli/command.ts'
import { COMMANDS, loadCommand } from '../../src/cli/commands.ts'
import type { Io } from '../../src/cli/io.ts'
import { quickParse } from '../../src/cli/quick-parse.ts'
import { fakeMaster, temporaryDirectory } from '../cli/fake-master.ts'
import { autoup, nowhere } from '../cli/terminal.ts'
import { autoupLines, type Line, PAGES, readPage } from './pages.ts'

const ROOT = join(import.meta.dirname, '../..')
describe.each(PAGES)('%s', (page) => {
  const text = readPage(page)

  for (const line of autoupLines(page)) if (!isElsewhere(line.text)) test(line.text, () => run(line))

  test('links to pages that are there', () => {
    const folder = join(ROOT, page, '..')
    for (const [, target = '', anchor] of text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)) {
      const path = target === '' ? join(ROOT, page) : join(folder, target)
      expect(readdirSync(join(path, '..')), `${page} links to ${target}`).toContain(
        path.split('/').filter(Boolean).at(-1),
      )
      if (anchor !== undefined)
        expect(anchors(readFileSync(path, 'utf8')), `${page} links to ${target}#`).toContain(anchor)
    }
  })
})

/** As GitHub makes them of headings. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replace(/ /g, '-'),
  )
}

/** As the shell reads the line: quotes, braces, and what it would make of `?` and `*`. */
function wordsOf(text: string, cwd: string): string[] {
  const said = execFileSync('bash', ['-O', 'failglob', '-c', `autoup() { printf '%s\\0' "$@"; }; ${text}`], {
    cwd,
    encoding: 'utf8',
  })
  return said.split('\0').slice(0, -1)
}

/** Masters, and what asks a source: documented-commands.test.ts. `verify`: trust-page.test.ts. `--names`: below. */
function isElsewhere(text: string): boolean {
  return /^autoup (?:run|start|dev|doctor|explain|verify) (?!--help)/.test(`${text} `)
}

async function run({ text, config }: Line): Promise<void> {
  const cwd = temporaryDirectory()
  const [name = '', ...words] = wordsOf(text, cwd)
  const spec = await loadCommand(name)
  const input = spec && quickParse(spec, words)
  if (!spec || !input || words.includes('--help')) return expectHelp([name, ...words])
  if (config !== null) writeFileSync(join(cwd, 'autoup.config.json'), config)
  const io = { ...nowhere(), cwd }
  if (name === 'unit') await writesUnit(words, io)
  else await isAnswered(name, words, input, io)
}

async function expectHelp(words: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await autoup(words)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('Usage: autoup')
}

/** Into a folder of the test, and for a user that every system has. */
async function writesUnit(words: readonly string[], io: Io): Promise<void> {
  const own = words.map((word) => (word === '/etc/systemd/system' ? io.cwd : word === 'app' ? 'nobody' : word))
  const { code, stdout, stderr } = await autoup(['unit', ...own], { cwd: io.cwd })
  const file = readdirSync(io.cwd).find((name) => name.endsWith('.service'))
  expect(code, stderr).toBe(0)
  expect(file ? readFileSync(join(io.cwd, file), 'utf8') : stdout).toContain('ExecStart=')
}

/** By every master that is meant; what would go on and on goes on until they end. */
async function isAnswered(name: string, words: readonly string[], input: Input, own: Io): Promise<void> {
  const masters = [await fakeMaster({ name: input.name ?? 'app' })]
  const stateDir = masters[0]?.stateDir ?? ''
  for (const other of ['shop', 'web', 'api']) masters.push(await fakeMaster({ name: other, stateDir }))
  if (input.name === undefined && !existsSync(join(own.cwd, 'autoup.config.json')))
    await Promise.all(masters.splice(1).map(({ server }) => server.close()))
  for (const { directory } of masters) writeFileSync(join(directory, 'log'), 'a line of the app\n')
  const [watch, follow] = ['--watch', '--follow'].map((flag) => words.includes(flag))
  // Until Ctrl-C, of a file.
  const given = name === 'logs' ? words.filter((word) => word !== '--follow') : words
  const ran = autoup(
    [name, ...given, '--state-dir', stateDir, ...(watch && !words.includes('--json') ? ['--json'] : [])],
    { cwd: own.cwd },
  )
  if ((watch || follow) && name !== 'logs') {
    await expect.poll(() => masters.some(({ readers }) => readers.size > 0)).toBe(true)
    for (const { server } of masters) await server.close()
  }
  const { code, stderr } = await ran
  expect(code, stderr).toBe(0)
}

test('what the page on the choice of a file shows is what the program says', async () => {
  const [, line = '', expected = ''] = /^\$ autoup (.*)\n([^`]+)```/m.exec(readPage('docs/artifact-choice.md')) ?? []
  const cwd = temporaryDirectory()
  const names = [...expected.matchAll(/^(?:→ | {2})(\S+)/gm)].map(([, name]) => name)
  writeFileSync(join(cwd, 'names.txt'), names.sort().join('\n'))
  expect(await autoup(line.split(' '), { cwd })).toMatchObject({ code: 0, stdout: expected })
})

/** Of einhorn, of Docker, and half a word. */
const OF_OTHERS = ['allow', 'nice', 'start-period', 'stop-timeout']

/** Wherever an option is spoken of in backquotes without its command. */
test.each(PAGES)('the options in the text of %s are there', async (page) => {
  const text = readPage(page)
  const flags = [...text.matchAll(/`--([a-z][a-z0-9-]*\w)[^`]*`/g)].map(([, flag = '']) => flag)
  const specs = await Promise.all(Object.values(COMMANDS).map(({ load }) => load()))
  const known = new Set([...OF_OTHERS, ...specs.flatMap(({ options }) => options.map((option) => option.flag))])
  expect([...new Set(flags)].filter((flag) => !known.has(flag))).toEqual([])
})
