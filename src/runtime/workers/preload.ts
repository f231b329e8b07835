/**
 * The copy of the Node preload (src/worker/preload) that workers load: in the state directory and readable to all,
 * since where autoup is installed another user may not get to. All its parts are in one file, replaced by rename, so
 * that no worker loads one half of the old and one half of the new. It belongs to the store.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { messageOf } from '../../core/errors.ts'
import type { Settings } from '../../core/settings.ts'
import { createFolder, type StorePaths } from '../../store/layout.ts'
import { storeTrouble } from '../../store/trouble.ts'
import { writeAtomically } from '../../system/atomic.ts'
import { isReachable } from '../../system/reachable.ts'
import type { User } from '../../system/user.ts'

const ENTRY = 'index.cjs'
const PARTS = 'parts.cjs'

/** An older Node could not even read the parts, and is left alone. */
const GUARD = `if (parseInt(process.versions.node, 10) >= 20) require('./${PARTS}')\n`

/** Asked for when it is needed: in the bundle of a program that is its own master there is no such folder. */
function installedSource(): string {
  return fileURLToPath(new URL('../../worker/preload', import.meta.url))
}

/**
 * The file for `--require`, or null. A store that cannot be written keeps no worker from it, and nobody from booting.
 */
export function preloadFor(
  context: { readonly settings: Settings; readonly paths: StorePaths; readonly user: User | null },
  warn: (message: string) => void,
): string | null {
  const { settings, paths, user } = context
  // An embedded program has the same parts in it, and loads them by itself (src/embed/worker.ts).
  if (!settings.preload || settings.embedded !== null) return null
  const file = copyOrSource(paths, warn)
  if (user === null || isReachable(file, user)) return file
  // Node would not start at all.
  warn(
    `the user ${user.name} may not read ${file}, so that Node apps are left to speak for themselves: choose a ` +
      '--state-dir that others may enter, or say --no-preload',
  )
  return null
}

/**
 * What preloadFor() gave, for one worker: Node ends at a `--require` that somebody has removed since, so it is made
 * anew.
 */
export function presentPreload(file: string, paths: StorePaths): string {
  return [file, join(dirname(file), PARTS)].every((each) => existsSync(each))
    ? file
    : copyOrSource(paths, () => undefined)
}

function copyOrSource(paths: StorePaths, warn: (message: string) => void): string {
  try {
    return installPreload(paths)
  } catch (error) {
    warn(`${messageOf(error)}; Node workers load their part of autoup from where it is installed`)
    return join(installedSource(), ENTRY)
  }
}

/** Throws AutoupError `failed` when the store cannot be written. Needs the lock on the store. */
export function installPreload(paths: StorePaths, source: string = installedSource()): string {
  const all = { [PARTS]: joined(source), [ENTRY]: GUARD }
  try {
    createFolder(paths.preload, 0o755)
    for (const [name, text] of Object.entries(all)) {
      const file = join(paths.preload, name)
      // What a crash has torn or somebody has changed is not the same, and is written anew.
      if (!isSame(file, text)) writeAtomically(file, text, 0o644)
    }
    return join(paths.preload, ENTRY)
  } catch (cause) {
    throw storeTrouble('write', paths.preload, cause)
  }
}

/** The user's own options first, then ours: quoted as Node reads it (a backslash before `"` and itself, in quotes). */
export function withPreload(nodeOptions: string | undefined, preload: string): string {
  const own = `--require="${preload.replace(/["\\]/g, '\\$&')}"`
  return nodeOptions ? `${nodeOptions} ${own}` : own
}

/** One file, since each worker waits until it is loaded: two dozen would take it some 6 ms more. */
function joined(source: string): string {
  const names = readdirSync(source).filter((name) => name.endsWith('.cjs'))
  const parts = names.map((name) => {
    const text = readFileSync(join(source, name), 'utf8')
    return `${JSON.stringify(`./${name}`)}(module, exports, require) {\n${text}\n},\n`
  })
  return `'use strict'
const parts = {
${parts.join('')}}
const loaded = new Map()
function load(name) {
  if (!Object.hasOwn(parts, name)) return require(name)
  const module = loaded.get(name) ?? { exports: {} }
  if (!loaded.has(name)) {
    loaded.set(name, module)
    parts[name](module, module.exports, load)
  }
  return module.exports
}
load('./${ENTRY}')
`
}

function isSame(file: string, text: string): boolean {
  try {
    return readFileSync(file, 'utf8') === text
  } catch {
    return false
  }
}
