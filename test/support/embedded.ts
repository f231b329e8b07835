/** Programs that are their own master: the example, in any version and with other options, as a script and as a build. */

import { cpSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import { type Answer, ask } from './ask.ts'
import type { Artifact } from './builds.ts'
import { type Master, type MasterOptions, startMaster, temporaryDirectory } from './master.ts'
import { freePort } from './ports.ts'

export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const EXAMPLE = join(REPOSITORY, 'examples/embedded/server.mjs')

export interface Program {
  version?: string
  /** More of what is given to `run`, in JavaScript; comes last, so it wins. */
  config?: string
  /** Statements that run first. */
  first?: string
}

/** The example as an ES module. */
export function embeddedText({ version = '1', config = '', first = '' }: Program = {}): string {
  return readFileSync(EXAMPLE, 'utf8')
    .replace("VERSION = '1'", `VERSION = ${JSON.stringify(version)}`)
    .replace(/^run\(/m, `${first}\nrun(`)
    .replace(/\}\)\n$/, `${config}\n})\n`)
}

/** A script in a folder of its own in which `autoup` can be imported. */
export function embeddedScript(program: Program = {}): string {
  const folder = temporaryDirectory()
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(REPOSITORY, join(folder, 'node_modules/autoup'))
  const path = join(folder, 'server.mjs')
  writeFileSync(path, embeddedText(program))
  return path
}

/** One file with autoup in it, in CommonJS. */
export function embeddedBundle(program: Program = {}): string {
  const { outputFiles } = buildSync({
    stdin: { contents: embeddedText(program).replace(/^#!.*\n/, ''), resolveDir: join(EXAMPLE, '..'), loader: 'js' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external: ['koffi'],
    logLevel: 'error',
    write: false,
  })
  return outputFiles[0]!.text
}

/** The same as a release: a directory with the one executable `app`, and koffi beside it. */
export function embeddedRelease(program: Program = {}): Artifact {
  return (path) => {
    mkdirSync(path, { recursive: true })
    writeFileSync(join(path, 'app'), `#!/usr/bin/env node\n${embeddedBundle(program)}`, { mode: 0o755 })
    for (const name of ['koffi', '@koromix']) {
      cpSync(join(REPOSITORY, 'node_modules', name), join(path, 'node_modules', name), {
        recursive: true,
        dereference: true,
        // The sources of the library, and its documentation.
        filter: (from) => !/^(?:vendor|doc|lib|abi|.*\.(?:cc|hh|inc|txt|md))$/.test(basename(from)),
      })
    }
  }
}

/** koffi's library for this machine: the asset of a single executable. */
export function koffiLibrary(): string {
  const folder = join(realpathSync(join(REPOSITORY, 'node_modules/@koromix')), `koffi-linux-${process.arch}`)
  const isMusl = (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header.glibcVersionRuntime
  return join(folder, `${isMusl === undefined ? 'musl' : 'linux'}_${process.arch}`, 'koffi.node')
}

export interface Embedded {
  readonly master: Master
  readonly port: number
  ask(path?: string): Promise<Answer>
  /** Another master of the same program and state, after this one has ended. */
  again(program?: string[]): Promise<Embedded>
}

/** Starts it, without waiting for anything. The options of `autoup run` may stand in `env`. */
export async function startEmbedded(program: string[], options: MasterOptions = {}): Promise<Embedded> {
  const port = await freePort()
  const stateDir = options.stateDir ?? temporaryDirectory()
  const env = {
    PORT: `127.0.0.1:${port}`,
    AUTOUP_STATE_DIR: stateDir,
    AUTOUP_NAME: options.name ?? 'app',
    AUTOUP_LOG_FORMAT: 'json',
    AUTOUP_PROBATION: '300ms',
    AUTOUP_DRAIN_TIMEOUT: '10s',
    ...options.env,
  }
  const start = async (words: string[]): Promise<Embedded> => {
    const master = await startMaster({ ...options, stateDir, env, embedded: words })
    return { master, port, ask: (path) => ask(port, path), again: (next = words) => start(next) }
  }
  return await start(program)
}
