/**
 * npm, as a child of the stager: without scripts, without git, without a word to the outside but to the registry, with
 * its cache and temporary files in the job's scratch directory. It lives as long as one command, and is killed when the
 * job is given up or the command takes too long.
 */

import { spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AutoupError } from '../../src/core/errors.ts'
import type { FetchContext } from '../../src/core/source.ts'
import { isReadable } from '../../src/system/http/address.ts'
import { npmEnvironment } from './environment.ts'
import { npmTrouble, shownRegistry } from './trouble.ts'

export const NPM_LIMITS = {
  /** Questions are a few requests, with retries. */
  askMs: 120_000,
  /** The stager itself is ended after half an hour. */
  installMs: 1_200_000,
  /** The versions of a package with a long history have some megabytes. */
  outputBytes: 33_554_432,
  /** One command of `npm view` for many packages at a time would be too much for a small machine. */
  atOnce: 8,
} as const

/**
 * Before .npmrc, so that nothing there turns them off. `--git=false` is a program that fails: a dependency from git
 * would be cloned and prepared, with settings of its own, before anybody could refuse it.
 */
const FLAGS = [
  '--ignore-scripts',
  '--git=false',
  '--no-audit',
  '--no-fund',
  '--no-update-notifier',
  '--no-progress',
  '--no-global',
  '--no-dry-run',
  '--package-lock',
  '--bin-links',
  '--install-strategy=hoisted',
  '--omit=dev',
  '--include=prod',
  '--omit-lockfile-registry-resolved',
  '--no-workspaces',
  '--logs-max=0',
  '--loglevel=error',
  '--fetch-retries=2',
  '--fetch-retry-factor=2',
  '--fetch-retry-mintimeout=500',
  '--fetch-retry-maxtimeout=2000',
  '--fetch-timeout=60000',
] as const

export interface NpmCommand {
  readonly args: readonly string[]
  /** Where it works, with a package.json. Default: one with nothing else. */
  readonly folder?: string
  /** Ends with `/`. */
  readonly registry: string | null
  /** What it is about, for a sentence. */
  readonly about: string
  readonly deadlineMs?: number
}

/** What it says on stdout. Throws AutoupError: `refused` for bytes that are not what the registry announced. */
export async function runNpm(context: FetchContext, command: NpmCommand): Promise<string> {
  const { args, registry, about, deadlineMs = NPM_LIMITS.askMs } = command
  refuseReadable(context, registry)
  const folder = command.folder ?? (await emptyFolder(context.scratch))
  const temporary = join(context.scratch, 'npm-tmp')
  await mkdir(temporary, { recursive: true })
  const cache = `--cache=${join(context.scratch, 'npm-cache')}`
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(deadlineMs)])
  const env = npmEnvironment(process.env, { registry, token: context.token, temporary })
  const { hideMemory } = await import('../../src/system/own-limits.ts')
  hideMemory()
  const ended = await run([...args, ...FLAGS, cache], { cwd: folder, env, signal })
  if (ended.isGivenUp) {
    const why = context.signal.aborted ? 'was given up' : `did not come to an end in ${Math.round(deadlineMs / 1000)} s`
    throw new AutoupError('failed', `npm ${args[0]} for ${about} ${why}`)
  }
  if (ended.status === 0) return ended.stdout
  throw npmTrouble({ ...ended, about, registry, token: context.token })
}

/** npm itself sends a token to whatever registry it is configured for. */
function refuseReadable({ token }: FetchContext, registry: string | null): void {
  if (token === null || registry === null || !isReadable(new URL(registry))) return
  const what = `the registry ${shownRegistry(registry)} is not encrypted, and anybody on the way could read the token`
  throw new AutoupError('failed', `${what}: use https, or give none`)
}

/** A package.json ends npm's search for a project, whose .npmrc would count. With --prefix the global one would not. */
async function emptyFolder(scratch: string): Promise<string> {
  const folder = join(scratch, 'npm-empty')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{}\n')
  return folder
}

export interface NpmEnded {
  /** Null: it could not be started, or was killed. */
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

function run(
  args: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly signal: AbortSignal },
): Promise<NpmEnded & { readonly isGivenUp: boolean }> {
  return new Promise((resolve, reject) => {
    const output = { stdout: '', stderr: '' }
    const child = spawn('npm', args, { ...options, killSignal: 'SIGKILL', stdio: ['ignore', 'pipe', 'pipe'] })
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text
        if (output[name].length > NPM_LIMITS.outputBytes) child.kill('SIGKILL')
      })
    }
    child.on('error', (cause) => {
      const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
      if (isMissing)
        reject(new AutoupError('failed', 'there is no npm in PATH, which npm: sources need: install it', { cause }))
      // Where a stager may end nobody (seccomp.ts), npm ends with it.
      else if (options.signal.aborted) resolve({ status: null, ...output, isGivenUp: true })
      else reject(cause)
    })
    child.once('close', (status) => resolve({ status, ...output, isGivenUp: options.signal.aborted }))
  })
}
