/**
 * What a watch of a source tree leaves alone: what git ignores (gitignore(5): the `.gitignore` of each folder, those
 * above up to the top of the repository, `.git/info/exclude`; the deepest that says something wins, and nothing in an
 * ignored folder comes back), what is never a source (dependencies, editors' leftovers, pid files, logs), and the
 * caller's own patterns. Files are read when first needed and kept until `forget`.
 */

import { existsSync, lstatSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import ignore, { type Ignore } from 'ignore'

export const IGNORE_FILE = '.gitignore'

/** Other than these lines say, they would be part of a source tree nowhere. */
const NEVER = ['.git', 'node_modules', '*.pid', '*.log', '*.swp', '*.swo', '*~', '.#*', '#*#', '4913', '.DS_Store']

export class IgnoreRules {
  readonly #root: string
  readonly #own: Ignore
  readonly #apart: readonly string[]
  readonly #top: string
  readonly #files = new Map<string, Ignore | null>()

  /** `patterns` are as in a `.gitignore`; `apart` are absolute paths, left alone with all that is below. */
  constructor(root: string, patterns: readonly string[], apart: readonly string[]) {
    this.#root = root
    this.#own = ignore().add([...NEVER.map((pattern) => pattern.replace(/^#/, '\\#')), ...patterns])
    this.#apart = apart
    this.#top = topOf(root)
  }

  /** `path` is absolute and in the tree. */
  isIgnored(path: string): boolean {
    if (path === this.#root) return false
    if (this.#apart.some((each) => path === each || path.startsWith(`${each}${sep}`))) return true
    if (!path.startsWith(`${this.#root}${sep}`)) return false
    const isFolder = lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
    const parts = relative(this.#root, path).split(sep)
    return parts.some((_, index) => {
      const part = join(this.#root, ...parts.slice(0, index + 1))
      return this.#isIgnoredItself(part, isFolder || index < parts.length - 1)
    })
  }

  /** An ignore file has changed. */
  forget(): void {
    this.#files.clear()
  }

  #isIgnoredItself(path: string, isFolder: boolean): boolean {
    const end = isFolder ? '/' : ''
    const own = this.#own.test(`${relative(this.#root, path)}${end}`)
    if (own.ignored || own.unignored) return own.ignored
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      const said = this.#rulesOf(folder)?.test(`${relative(folder, path)}${end}`)
      if (said?.ignored || said?.unignored) return said.ignored
      if (folder === this.#top || folder === dirname(folder)) return false
    }
  }

  #rulesOf(folder: string): Ignore | null {
    const known = this.#files.get(folder)
    if (known !== undefined) return known
    const texts = [join(folder, IGNORE_FILE), join(folder, '.git', 'info', 'exclude')].flatMap(textOf)
    // The later line wins, and a .gitignore comes before the private list.
    const rules = texts.length === 0 ? null : ignore().add(texts.toReversed().join('\n'))
    this.#files.set(folder, rules)
    return rules
  }
}

/** The folder that holds `.git`; without one, the root itself. */
function topOf(root: string): string {
  for (let folder = root; ; folder = dirname(folder)) {
    if (existsSync(join(folder, '.git'))) return folder
    if (folder === dirname(folder)) return root
  }
}

function textOf(path: string): string[] {
  try {
    return [readFileSync(path, 'utf8')]
  } catch {
    return []
  }
}
