/**
 * The installed tree: `package.json`, `package-lock.json` and `node_modules`, so that `npm ls` and `npm audit` work in
 * a build. npm checks the integrity of every tarball against the lock. What npm writes for its own speed is left out,
 * as it would differ from one day to the next. Nothing of what was installed has run when this returns.
 */

import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AutoupError } from '../../src/core/errors.ts'
import type { FetchContext, Release } from '../../src/core/source.ts'
import { inParallel } from '../../src/system/parallel.ts'
import { packageFile, readLock, scriptSentence } from './lock.ts'
import { NPM_LIMITS, runNpm } from './run.ts'

/** What check found, and fetch installs. */
export interface NpmPlan {
  readonly name: string
  readonly version: string
  /** Ends with `/`. */
  readonly registry: string
  /** The text of package-lock.json. */
  readonly lock: string
}

/** What check has left in the release. */
export function planOf({ detail, name }: Release): NpmPlan {
  const plan = detail as NpmPlan | undefined
  if (typeof plan?.lock === 'string') return plan
  throw new AutoupError('failed', `nobody has looked yet at what ${name} brings with it: check it first`)
}

/** npm's hidden lock file, which holds addresses. */
const HIDDEN_LOCK = 'node_modules/.package-lock.json'

const SCRIPTS = ['preinstall', 'install', 'postinstall'] as const

/** Throws AutoupError: `refused` when the bytes are wrong, or want to run something. */
export async function installTree(context: FetchContext, plan: NpmPlan, tree: string): Promise<void> {
  const { name, version, registry, lock } = plan
  await writeFile(join(tree, 'package.json'), packageFile(name, version))
  await writeFile(join(tree, 'package-lock.json'), lock)
  const about = `${name}@${version}`
  const args = ['ci', '--json']
  await runNpm(context, { args, folder: tree, registry, about, deadlineMs: NPM_LIMITS.installMs })
  await refuseScripts(tree, about)
  await rm(join(tree, HIDDEN_LOCK), { force: true })
}

/** As the tarballs say it themselves, which need not be what the registry said of them. */
async function refuseScripts(tree: string, about: string): Promise<void> {
  const { entries } = readLock(await readFile(join(tree, HIDDEN_LOCK), 'utf8'))
  await inParallel(Object.keys(entries), NPM_LIMITS.atOnce, async (path) => {
    const what = await needsScripts(join(tree, path))
    if (what !== null) throw new AutoupError('refused', scriptSentence(about, what))
  })
}

/** Its name, or null. With a binding.gyp and no script of its own npm would run node-gyp (npm's docs, "scripts"). */
async function needsScripts(folder: string): Promise<string | null> {
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => null)
  if (text === null) return null
  const { name, version, scripts, gypfile } = manifestIn(text)
  const has = (script: string): boolean => typeof (scripts as Record<string, unknown> | null)?.[script] === 'string'
  const isNative = gypfile !== false && (await isThere(join(folder, 'binding.gyp')))
  return isNative || SCRIPTS.some(has) ? `${String(name)}@${String(version)}` : null
}

function manifestIn(text: string): Record<string, unknown> {
  try {
    return (JSON.parse(text.replace(/^\uFEFF/, '')) ?? {}) as Record<string, unknown>
  } catch {
    return {}
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
