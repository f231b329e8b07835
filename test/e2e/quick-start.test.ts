/**
 * The README's quick start, typed by somebody who has just cloned it: every command line of that section, in order and
 * with one shell's environment: npm's in the clone, autoup's where the service lies. A line that starts a service ends
 * the one before, as a person would.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'vitest'
import { askText } from '../support/ask.ts'
import { type Artifact, archive } from '../support/builds.ts'
import { startGithub } from '../support/github-server.ts'
import { temporaryDirectory } from '../support/master.ts'
import { onEnd } from '../support/on-end.ts'
import { type PlainApp, plainApp } from '../support/plain-app.ts'
import { freePort } from '../support/ports.ts'
import { endAll } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { until } from '../support/until.ts'
import { newSigner, signatureOf } from '../trust/minisign-signer.ts'

const ROOT = join(import.meta.dirname, '../..')

/** The port that the README shows. */
const SHOWN_PORT = '8080'

needs('gunicorn').test(
  'every command of the quick start does what it says',
  async () => {
    const shell = await newUser()
    for (const line of commandLines(quickStart())) await shell.type(line)
    expect(shell.typed.filter((line) => line.startsWith('autoup run')).length).toBeGreaterThan(1)
    expect(shell.typed.some((line) => line.startsWith('npm '))).toBe(true)
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

/**
 * Indented lines, and what stands in backquotes and is more than a name. A paragraph that ends with a colon speaks of
 * the lines below it, so what it names is typed after them.
 */
function commandLines(text: string): string[] {
  const found: string[] = []
  let later: string[] = []
  for (const block of text.split(/\n\n+/)) {
    const lines = [...block.matchAll(/^ {4}(\S.*)$/gm)].map(([, line = '']) => line.replace(/\s+#.*$/, '').trim())
    const spans = [...block.matchAll(/`((?:autoup|npm) [^`]+)`/g)].map(([, span = '']) => span)
    found.push(...lines, ...later)
    later = []
    if (block.trimEnd().endsWith(':')) later = spans
    else found.push(...spans)
  }
  return [...found, ...later]
}

interface Shell {
  readonly typed: readonly string[]
  type(line: string): Promise<void>
}

async function newUser(): Promise<Shell> {
  const home = temporaryDirectory()
  const clone = join(home, 'autoup')
  const folder = join(home, 'service')
  copyOfTheTree(clone)
  mkdirSync(folder)
  const port = await freePort()
  const github = await published(port)
  const env = environment(home, github.url)
  writeFileSync(join(folder, 'release.pub'), `untrusted comment: minisign public key\n${github.key}\n`)
  writeFileSync(join(folder, 'app.py'), PYTHON_APP)
  put(folder, 'app', appFor(port, '1'))
  put(folder, 'server.js', appFor(port, 'server.js'))
  const typed: string[] = []
  let service: ChildProcess | null = null
  onEnd(() => endAll(env.AUTOUP_STATE_DIR))

  /** Like a person who has seen enough of it. */
  async function end(): Promise<void> {
    if (!service || service.exitCode !== null) return
    service.kill('SIGTERM')
    const [code] = await once(service, 'exit')
    expect(code, 'it stops when it is asked to').toBe(0)
  }

  return {
    typed,
    async type(line) {
      typed.push(line)
      const command = line.replace(/\s*&$/, '').replaceAll(SHOWN_PORT, String(port))
      const isService = command.startsWith('autoup run ')
      if (isService) await end()
      const child = start(command, command.startsWith('npm ') ? clone : folder, env)
      if (isService) {
        service = child.process
        await serves(line, port, child)
      } else if (/ --follow\b/.test(command)) {
        await child.says(/committed/)
        const soFar = child.output().length
        put(folder, 'app', appFor(port, '2'))
        await child.says(/committed/, soFar)
        expect(await askText(port)).toContain('"version":"2"')
        child.process.kill('SIGINT')
        await child.ended
      } else {
        const code = await child.ended
        expect(code, `${line}\n${child.output()}`).toBe(0)
        if (command.startsWith('autoup rollback')) expect(await askText(port)).toContain('"version":"1"')
      }
    },
  }
}

async function serves(line: string, port: number, child: Typed): Promise<void> {
  const answer = until(line, () => {
    if (child.process.exitCode !== null) throw new Error('it has ended')
    return askText(port, '/', 1_000).catch(() => null)
  })
  await answer.catch((error) => {
    throw new Error(`${line} does not serve: ${error.message}\n${child.output()}`)
  })
}

interface Typed {
  readonly process: ChildProcess
  /** The exit code. */
  readonly ended: Promise<number | null>
  output(): string
  /** Resolves when these words stand in its output, beyond its first `from` characters. */
  says(words: RegExp, from?: number): Promise<void>
}

function start(command: string, cwd: string, env: Record<string, string>): Typed {
  // A process group of its own, as in a shell with job control.
  const child = spawn('/bin/sh', ['-c', `exec 2>&1; ${command.includes('&&') ? '' : 'exec '}${command}`], {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onEnd(() => child.exitCode === null && child.kill('SIGKILL'))
  const lines: string[] = []
  createInterface({ input: child.stdout! }).on('line', (line) => lines.push(line))
  const output = () => lines.join('\n')
  return {
    process: child,
    ended: once(child, 'exit').then(([code]) => code as number | null),
    output,
    says: async (words, from = 0) => {
      await until(`${command} says ${words}`, () => words.test(output().slice(from)), 60_000)
    },
  }
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
function environment(home: string, githubUrl: string): Record<string, string> & { AUTOUP_STATE_DIR: string } {
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
  archive(appFor(port, '1.2.3'))(path)
  const bytes = readFileSync(path)
  const signature = signatureOf(signer, bytes, { comment: `file:${name}` })
  github.publish('v1.2.3', { assets: { [name]: bytes, [`${name}.minisig`]: signature } })
  return { url: github.url, key: signer.line }
}

function appFor(port: number, version: string): Artifact {
  const app: PlainApp = { version, doors: [{ name: 'http', where: String(port) }] }
  return plainApp(app)
}

/** With mv, as the README says. */
function put(folder: string, name: string, artifact: Artifact): void {
  artifact(join(folder, `.${name}.new`))
  renameSync(join(folder, `.${name}.new`), join(folder, name))
}

const PYTHON_APP = `
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b'{"version":"python"}']
`
