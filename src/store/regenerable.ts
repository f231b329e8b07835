/**
 * Which strangers in a build are nobody's data: what CPython compiles beside a module when it imports it, and writes
 * again whenever it is missing (PEP 3147). Everything that is not exactly that may be somebody's only copy.
 */

import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { baseOf, parentOf } from '../core/tree-path.ts'

const FOLDER = '__pycache__'

/** `name.cpython-311.pyc`, `name.cpython-311.opt-2.pyc`: the module and the interpreter that it is compiled for. */
const COMPILED = /^(.+)\.[a-z]+-\d+[a-z]*(?:-[a-z0-9]+)*(?:\.opt-[12])?\.pyc$/

/**
 * True where each stranger is a folder of compiled modules, nothing else is in it, and the source of each is beside it
 * and of the build. `strangers` are all there are, as checkSeal gives them.
 */
export async function areRegenerable(tree: string, strangers: readonly string[]): Promise<boolean> {
  for (const path of strangers) {
    if (baseOf(path) !== FOLDER) return false
    const entries = await readdir(join(tree, path), { withFileTypes: true }).catch(() => null)
    if (entries === null) return false
    for (const entry of entries) {
      const [, module] = COMPILED.exec(entry.name) ?? []
      if (!entry.isFile() || module === undefined) return false
      const source = join(parentOf(path), `${module}.py`)
      const isThere = (await lstat(join(tree, source)).catch(() => null))?.isFile() ?? false
      if (!isThere || strangers.includes(source)) return false
    }
  }
  return true
}
