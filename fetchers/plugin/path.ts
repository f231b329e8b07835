/**
 * Which file a plugin is: `./my-fetcher.js?options`, or the name of a package that is installed where autoup was
 * started. Only the file system is asked. The module is not loaded by this, since the master, which asks too, must not
 * run it.
 */

import { readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { AutoupError } from '../../src/core/errors.ts'

export interface PluginPlace {
  /** As the operator wrote it, without the options. */
  readonly name: string
  /** Absolute. */
  readonly file: string
  /** What follows the `?`: the plugin's location. */
  readonly options: string
}

export const PLUGIN_FORM = './PLUGIN.js[?OPTIONS] or the name of an installed package'

const MODULE = /\.[cm]?js$/
const PACKAGE = /^(?:@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*$/i

/** Null for what is no plugin. Throws AutoupError `usage` for a path at which there is none. */
export function findPlugin(spec: string, directory: string): PluginPlace | null {
  const at = spec.indexOf('?')
  const name = at < 0 ? spec : spec.slice(0, at)
  const options = at < 0 ? '' : spec.slice(at + 1)
  if (name.includes('\0')) return null
  if (/^\.{0,2}\//.test(name)) {
    if (!MODULE.test(name)) return null
    const file = resolve(directory, name)
    if (isFile(file)) return { name, file, options }
    throw new AutoupError('usage', `there is no plugin at ${file}: check the path`)
  }
  const file = PACKAGE.test(name) ? packageEntry(name, directory) : null
  return file === null ? null : { name, file, options }
}

/** As Node looks for it (nodejs.org/api/esm.html, "Resolution and loading algorithm"), for an `import` of `name`. */
function packageEntry(name: string, directory: string): string | null {
  for (let folder = directory; ; folder = dirname(folder)) {
    const root = join(folder, 'node_modules', name)
    const manifest = manifestOf(root)
    if (manifest !== null) {
      const entry = mainOf(manifest)
      const file = resolve(root, entry ?? '.')
      if (entry !== null && isFile(file)) return file
      throw new AutoupError('usage', `the package ${name} in ${root} has no module to load: is it built?`)
    }
    if (dirname(folder) === folder) return null
  }
}

function mainOf({ exports, main }: Record<string, unknown>): string | null {
  if (exports === undefined || exports === null) return typeof main === 'string' ? main : 'index.js'
  const isMap = typeof exports === 'object' && '.' in exports
  return targetOf(isMap ? (exports as Record<string, unknown>)['.'] : exports)
}

/** The first condition that holds, in the order in which the package lists them. */
function targetOf(target: unknown): string | null {
  if (typeof target === 'string') return target
  if (typeof target !== 'object' || target === null) return null
  for (const [condition, value] of Object.entries(target)) {
    if (!['node', 'import', 'module-sync', 'default'].includes(condition)) continue
    const found = targetOf(value)
    if (found !== null) return found
  }
  return null
}

function manifestOf(root: string): Record<string, unknown> | null {
  try {
    return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, unknown>
  } catch {
    return null
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}
