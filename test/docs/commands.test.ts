/**
 * Every command line of the documentation is run: those to a master by one that answers and remembers, those that would
 * be a master as far as they can be without one (all that is asked for, in every layer, is read and accepted). The words
 * are those that a shell makes of the line. What the trust page, the quick start and the demo show is run in full elsewhere.
 */

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fetcherFor } from '../../fetchers/index.ts'
import type { Input } from '../../src/cli/command.ts'
import { COMMANDS, loadCommand } from '../../src/cli/commands.ts'
import type { Io } from '../../src/cli/io.ts'
import { loadSettings } from '../../src/cli/load-settings.ts'
import { quickParse } from '../../src/cli/quick-parse.ts'
import { fakeMaster, temporaryDirectory } from '../cli/fake-master.ts'
import { autoup, nowhere } from '../cli/terminal.ts'
import { newSigner } from '../trust/minisign-signer.ts'

const ROOT = join(import.meta.dirname, '../..')
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'bench/README.md',
  ...['docs', 'examples'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  ),
]

interface Line {
  readonly text: string
  /** The configuration that the page shows above it, or null. */
  readonly config: string | null
}

/** `autoup …` at the start of an indented or fenced line, and in backquotes where more than a name stands there. */
function commandLines(page: string): Line[] {
  const found = new Map<string, Line>()
  let config: string | null = null
  for (const [, json, block, span] of page.matchAll(
    /```json\n([\s\S]*?)```|^(?: {4})?(?:sudo |\$ )?((?:[A-Z_]+=\S+ )*autoup .*)$|`(autoup [^`\s]+\s[^`]+)`/gm,
  )) {
    if (json !== undefined) config = json
    // What stands behind `…` or `--` is the reader's.
    const text = (block ?? span)
      ?.replace(/\s+/g, ' ')
      .replace(/\s+(?:#|&&|\|)\s.*$/, '')
      .trim()
    if (text !== undefined && !/^autoup: |…|--$/.test(text)) found.set(text, { text, config })
  }
  return [...found.values()]
}

const SEVERAL = JSON.stringify({ apps: { web: { command: ['node', 'server.js'], listen: 8080 } } })

describe.each(pages)('%s', (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8')

  for (const line of commandLines(text)) test(line.text, () => run(line))

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

/** Those that are, or speak of, a master that is not there yet. */
const MASTERS = new Set(['run', 'start', 'dev', 'doctor', 'stage', 'unit'])

/** Run in full by trust-page.test.ts, with the files that they are about. */
const ELSEWHERE = new Set(['verify'])

async function run({ text, config }: Line): Promise<void> {
  const cwd = temporaryDirectory()
  for (const key of ['app.pub', 'release.pub']) writeFileSync(join(cwd, key), `${newSigner().line}\n`)
  const [name = '', ...words] = wordsOf(text, cwd)
  const spec = await loadCommand(name)
  const input = spec && quickParse(spec, words)
  if (!spec || !input || words.includes('--help')) return expectHelp([name, ...words])
  const shown = config ?? (input.name === undefined ? null : SEVERAL)
  const isWhole = input.options.has('fetch') || input.command.length > 0
  const hasFile = shown !== null && !isWhole && !ELSEWHERE.has(name)
  if (hasFile) writeFileSync(join(cwd, 'autoup.config.json'), shown)
  const io = { ...nowhere(), cwd }
  if (name === 'unit') return await writesUnit(words, io)
  if (name === 'explain' && input.name !== undefined) return await accepts(asFetch(input), io, null)
  if (MASTERS.has(name)) return await accepts(input, io, hasFile ? shown : null)
  if (!ELSEWHERE.has(name) && name !== 'explain') await isAnswered(name, words, input, io)
}

async function expectHelp(words: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await autoup(words)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('Usage: autoup')
}

/** Without a name, of every app of the file. */
async function accepts(input: Input, io: Io, config: string | null): Promise<void> {
  const apps = config === null ? {} : (JSON.parse(config).apps ?? {})
  const names = input.name === undefined ? Object.keys(apps) : []
  for (const name of names.length > 0 ? names : [input.name]) {
    const { settings } = await loadSettings({ ...input, name }, io)
    if (settings.source === null) expect(settings.command).not.toEqual([])
    // A plugin is the reader's own.
    else if (/^[a-z]+:/.test(settings.source)) await fetcherFor(settings.source)
  }
}

function asFetch({ name = '', options, command }: Input): Input {
  return { name: undefined, options: new Map([...options, ['fetch', [name]]]), command }
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
  const page = readFileSync(join(ROOT, 'docs/artifact-choice.md'), 'utf8')
  const [, line = '', shown = ''] = /^ {4}\$ autoup (.*)\n((?: {4}.*\n)+)/m.exec(page) ?? []
  const expected = shown.replace(/^ {4}/gm, '')
  const cwd = temporaryDirectory()
  const names = [...expected.matchAll(/^(?:→ | {2})(\S+)/gm)].map(([, name]) => name)
  writeFileSync(join(cwd, 'names.txt'), names.sort().join('\n'))
  expect(await autoup(line.split(' '), { cwd })).toMatchObject({ code: 0, stdout: expected })
})

/** Of einhorn, of Docker, and half a word. */
const OF_OTHERS = ['allow', 'nice', 'start-period', 'stop-timeout']

/** Wherever an option is spoken of in backquotes without its command. */
test.each(pages)('the options in the text of %s are there', async (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8')
  const flags = [...text.matchAll(/`--([a-z][a-z0-9-]*\w)[^`]*`/g)].map(([, flag = '']) => flag)
  const specs = await Promise.all(Object.values(COMMANDS).map(({ load }) => load()))
  const known = new Set([...OF_OTHERS, ...specs.flatMap(({ options }) => options.map((option) => option.flag))])
  expect([...new Set(flags)].filter((flag) => !known.has(flag))).toEqual([])
})
