/**
 * The copy of the Node preload (src/worker/preload) that workers load: in the state directory and readable to all,
 * since where autoup is installed another user may not get to. Each change of it gets a folder of its own, put there by
 * rename, so that no worker ever loads one half of the old and one half of the new. The folder belongs to the store.
 */

import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { messageOf } from '../core/errors.ts'
import type { Settings } from '../core/settings.ts'
import { createFolder, type StorePaths } from '../store/layout.ts'
import { storeTrouble } from '../store/trouble.ts'
import { isReachable } from '../system/reachable.ts'
import type { User } from '../system/user.ts'

type Files = ReadonlyMap<string, Buffer>

const ENTRY = 'index.cjs'

/** Asked for when it is needed: in the bundle of a program that is its own master there is no such folder. */
function installedSource(): string {
  return fileURLToPath(new URL('../worker/preload', import.meta.url))
}

/** The file for `--require`, or null. A store that cannot be written keeps no worker from it, and nobody from booting. */
export function preloadFor(
  context: { readonly settings: Settings; readonly paths: StorePaths; readonly user: User | null },
  warn: (message: string) => void,
): string | null {
  const { settings, paths, user } = context
  // An embedded program says by itself what it does with its sockets.
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
  const files = read(source)
  try {
    createFolder(paths.preload, 0o755)
    const there = readdirSync(paths.preload).map((name) => join(paths.preload, name))
    const current = there.find((folder) => isSame(files, folder)) ?? write(files, paths.preload)
    for (const folder of there) if (folder !== current) rmSync(folder, { recursive: true, force: true })
    return join(current, ENTRY)
  } catch (cause) {
    throw storeTrouble('write', paths.preload, cause)
  }
}

/** The user's own options first, then ours: quoted as Node reads it (a backslash before `"` and itself, in quotes). */
export function withPreload(nodeOptions: string | undefined, preload: string): string {
  const own = `--require="${preload.replace(/["\\]/g, '\\$&')}"`
  return nodeOptions ? `${nodeOptions} ${own}` : own
}

function write(files: Files, parent: string): string {
  const folder = join(parent, `${Date.now().toString(36)}-${process.pid}`)
  const temporary = join(parent, `.${basename(folder)}`)
  createFolder(temporary, 0o755)
  for (const [name, content] of files) {
    const file = join(temporary, name)
    writeFileSync(file, content)
    // Whatever the umask is.
    chmodSync(file, 0o644)
  }
  renameSync(temporary, folder)
  return folder
}

/** What a crash has torn or somebody has changed is not the same, and is written anew. */
function isSame(files: Files, folder: string): boolean {
  if (basename(folder).startsWith('.') || !statSync(folder).isDirectory()) return false
  const there = read(folder)
  return there.size === files.size && [...files].every(([name, content]) => there.get(name)?.equals(content) ?? false)
}

function read(folder: string): Files {
  const names = readdirSync(folder).filter((name) => name.endsWith('.cjs'))
  return new Map(names.map((name) => [name, readFileSync(join(folder, name))]))
}
