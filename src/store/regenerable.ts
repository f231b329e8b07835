/**
 * Which strangers in a build are nobody's data: what CPython compiles beside a module when it imports it, and writes
 * again whenever it is missing (PEP 3147). Everything that is not exactly that may be somebody's only copy.
 */

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { baseOf, parentOf } from '../core/tree-path.ts'

const FOLDER = '__pycache__'

/** `name.cpython-311.pyc`, `name.cpython-311.opt-2.pyc`: the module and the interpreter that it is compiled for. */
const COMPILED = /^(.+)\.[a-z]+-\d+[a-z]*(?:-[a-z0-9]+)*(?:\.opt-[12])?\.pyc$/

/**
 * True where each stranger is a folder of compiled modules, nothing else is in it, and the source of each is a file of
 * the build. `listed` are the paths of the manifest.
 */
export async function areRegenerable(
  tree: string,
  strangers: readonly string[],
  listed: ReadonlySet<string>,
): Promise<boolean> {
  for (const path of strangers) {
    if (baseOf(path) !== FOLDER) return false
    const beside = parentOf(path)
    const entries = await readdir(join(tree, path), { withFileTypes: true }).catch(() => null)
    if (entries === null) return false
    const isOurs = ({ name }: { readonly name: string }) => {
      const [, module] = COMPILED.exec(name) ?? []
      return module !== undefined && listed.has(`${beside === '' ? '' : `${beside}/`}${module}.py`)
    }
    if (!entries.every((entry) => entry.isFile() && isOurs(entry))) return false
  }
  return true
}
