/**
 * The README's quick start, typed into a terminal by somebody who has just cloned it: every command line of that
 * section, in order, in the clone. What runs in the foreground is ended with Ctrl-C before the next one is started, and
 * meanwhile the lines go into a second terminal. What the terminals showed is kept in artifacts/.
 */

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import { askText } from '../support/ask.ts'
import { archive } from '../support/builds.ts'
import { startGithub } from '../support/github-server.ts'
import { temporaryDirectory } from '../support/master.ts'
import { onEnd } from '../support/on-end.ts'
import { plainApp } from '../support/plain-app.ts'
import { freePort } from '../support/ports.ts'
import { endAll } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { openTerminal, type Terminal } from '../support/tmux.ts'
import { until } from '../support/until.ts'
import { newSigner, signatureOf } from '../trust/minisign-signer.ts'

const ROOT = join(import.meta.dirname, '../..')
const ARTIFACTS = join(ROOT, 'artifacts')

/** The port that the README shows. */
const SHOWN_PORT = '8080'

/** npm's installation is the longest. */
const COMMAND_MS = 300_000

/** Twice ten seconds, and room. */
const TWO_PROBATIONS_MS = 60_000

needs('tmux', 'gunicorn', 'curl').test(
  'every command of the quick start does what it says, on a terminal',
  async () => {
    const user = await newUser()
    for (const line of commandLines(quickStart())) await user.type(line)
    expect(existsSync(join(user.prefix, 'share/man/man1/autoup.1')), 'the man page').toBe(true)
    // It was upgraded and went back, and nothing of it was left out of the section.
    expect(user.answers.map((answer) => /"version":"(.*?)"/.exec(answer)?.[1])).toEqual([
      '1',
      '2',
      '1',
      '1.2.3',
      'python',
    ])
    for (const start of ['npm ', 'autoup start', 'autoup rollback', 'autoup stop', 'autoup run', 'autoup explain'])
      expect(
        user.typed.some((line) => line.startsWith(start)),
        `a line with ${start}`,
      ).toBe(true)
  },
  600_000,
)

/** The text between that heading and the next. */
function quickStart(): string {
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const [, section] = /^## Quick start\n(.*?)^## /ms.exec(text) ?? []
  if (section === undefined) throw new Error('README.md has no section "Quick start"')
  return section
}

/** Indented lines, and what stands in backquotes and is more than a name: typed after the lines that it speaks of. */
function commandLines(text: string): string[] {
  const found: string[] = []
  let later: string[] = []
  for (const block of text.split(/\n\n+/)) {
    const lines = [...block.matchAll(/^ {4}(\S.*)$/gm)].map(([, line = '']) => line.replace(/\s+#.*$/, '').trim())
    found.push(...lines, ...later)
    later = block.trimEnd().endsWith(':')
      ? [...block.matchAll(/`((?:autoup|npm) [^`]+)`/g)].map(([, span = '']) => span)
      : []
  }
  return [...found, ...later]
}

interface User {
  /** Of npm. */
  readonly prefix: string
  readonly typed: readonly string[]
  /** What the service said, each time that it was asked. */
  readonly answers: readonly string[]
  /** Resolves when the line has done what it should. */
  type(line: string): Promise<void>
}

async function newUser(): Promise<User> {
  const home = temporaryDirectory()
  const clone = join(home, 'autoup')
  copyOfTheTree(clone)
  const port = await freePort()
  const github = await published(port)
  writeFileSync(join(clone, 'release.pub'), `untrusted comment: minisign public key\n${github.key}\n`)
  writeFileSync(join(clone, 'app.py'), PYTHON_APP)
  const env = environment(home, github.url)
  onEnd(() => endAll(env.AUTOUP_STATE_DIR))
  const first = openShell('quick-start', clone, env)
  let second: Shell | null = null
  let inForeground: string | null = null
  const typed: string[] = []
  const answers: string[] = []

  /** Like a person who has seen enough of it. */
  async function leave(): Promise<void> {
    if (inForeground === null) return
    first.terminal.keys('C-c')
    expect(await first.status(), `${inForeground}, after Ctrl-C`).toBe(0)
    inForeground = null
  }

  return {
    prefix: env.npm_config_prefix,
    typed,
    answers,
    async type(line) {
      typed.push(line)
      const command = line.replaceAll(SHOWN_PORT, String(port))
      if (command.startsWith('autoup run ')) {
        await leave()
        first.terminal.type(command)
        inForeground = line
        answers.push(await until(line, () => askText(port, '/', 1_000).catch(() => null), 60_000))
        return
      }
      if (inForeground !== null) second ??= openShell('quick-start-2', clone, env)
      const { terminal, status } = inForeground === null ? first : (second ?? first)
      terminal.type(command)
      if (/ --follow$/.test(command)) {
        await terminal.shows(new RegExp(`${digestOf(join(clone, 'hello.mjs'))} is committed`), TWO_PROBATIONS_MS)
        terminal.keys('C-c')
      }
      expect(await status(), `${line}\n${terminal.lines().join('\n')}`).toBe(0)
      if (command.startsWith('curl ') || command === 'autoup rollback') answers.push(await askText(port))
    },
  }
}

interface Shell {
  readonly terminal: Terminal
  /** The exit status of the next command, counted from the last one asked for. */
  readonly status: () => Promise<number>
}

/** bash, which says after each command in a file how it ended. What it has shown is kept under this name. */
function openShell(name: string, cwd: string, env: Readonly<Record<string, string>>): Shell {
  const statuses = join(temporaryDirectory(), 'statuses')
  writeFileSync(statuses, '')
  const terminal = openTerminal({
    cwd,
    shell: `env PS1='$ ' bash --norc --noprofile`,
    rows: 40,
    env: { ...env, PROMPT_COMMAND: `echo $? >> ${statuses}` },
  })
  onEnd(() => {
    mkdirSync(ARTIFACTS, { recursive: true })
    writeFileSync(join(ARTIFACTS, `${name}.ansi`), `${terminal.record().trimEnd()}\n`)
  })
  // The first is that of the shell itself, at its first prompt.
  let seen = 1
  return {
    terminal,
    async status() {
      const mine = seen++
      return await until(
        'the command ends',
        () => {
          const line = readFileSync(statuses, 'utf8').split('\n').slice(0, -1)[mine]
          return line === undefined ? null : Number(line)
        },
        COMMAND_MS,
      )
    },
  }
}

/** As autoup shows it. */
function digestOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 12)
}

/** What git knows of, and what it would be told of: a clone without its history. */
function copyOfTheTree(to: string): void {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: ROOT, encoding: 'utf8' })
  for (const name of listed.split('\0').filter(Boolean)) {
    mkdirSync(dirname(join(to, name)), { recursive: true })
    cpSync(join(ROOT, name), join(to, name))
  }
}

/** Somebody's own home, npm prefix and state; only npm's cache is that of the machine. */
function environment(
  home: string,
  githubUrl: string,
): Record<string, string> & { AUTOUP_STATE_DIR: string; npm_config_prefix: string } {
  const cache = execFileSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).trim()
  const prefix = join(home, 'npm')
  const { PATH = '', npm_config_registry: registry } = process.env
  return {
    HOME: home,
    PATH: `${prefix}/bin:${PATH}`,
    LANG: 'C.UTF-8',
    npm_config_prefix: prefix,
    npm_config_cache: cache,
    npm_config_prefer_offline: 'true',
    ...(registry === undefined ? {} : { npm_config_registry: registry }),
    // As root the default is the machine's own directory, which is no business of a test.
    AUTOUP_STATE_DIR: join(home, 'state'),
    GITHUB_API_URL: githubUrl,
  }
}

/** A GitHub with one release of org/app that is in the README's range, signed with the key that goes with it. */
async function published(port: number): Promise<{ url: string; key: string }> {
  const github = await startGithub()
  const signer = newSigner()
  const name = `app-linux-${process.arch}.tar.gz`
  const path = join(temporaryDirectory(), name)
  archive(plainApp({ version: '1.2.3', doors: [{ name: 'http', where: String(port) }] }))(path)
  const bytes = readFileSync(path)
  const signature = signatureOf(signer, bytes, { comment: `file:${name}` })
  github.publish('v1.2.3', { assets: { [name]: bytes, [`${name}.minisig`]: signature } })
  return { url: github.url, key: signer.line }
}

const PYTHON_APP = `
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b'{"version":"python"}']
`
