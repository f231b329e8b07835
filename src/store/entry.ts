/**
 * What runs: the operator's command, looked up in the build and then in PATH, or the build's own entry. Answers are
 * values, since the same question is asked while staging, when nothing is wrong yet with not knowing.
 */

import { accessSync, constants, type Stats, statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { baseOf } from '../core/tree-path.ts'

export type Entry =
  /** Absolute. */
  | { readonly kind: 'found'; readonly path: string }
  | { readonly kind: 'not-found'; readonly message: string }
  | { readonly kind: 'not-executable'; readonly message: string }
  | { readonly kind: 'ambiguous'; readonly candidates: readonly string[]; readonly message: string }

export interface EntryQuestion {
  /** Where the build lies, absolute. */
  readonly tree: string
  /** What that is called. Default: `the build`. */
  readonly where?: string
  /** `executables` of its build.json. */
  readonly executables: readonly string[]
  /** The service or project: decides between several executables. */
  readonly project: string
  /** The operator's words; empty means the build's own entry. */
  readonly command: readonly string[]
  /** PATH of the worker. */
  readonly searchPath: string
}

/** Folders of a build in which a command is looked up, in this order. */
const FOLDERS = ['', 'bin', 'node_modules/.bin'] as const

const SAY_WHAT = 'say after -- which command is to be run in it, as in `-- node server.js`'

export function findEntry(question: EntryQuestion): Entry {
  const { tree, executables, project, command } = question
  const word = command[0]
  if (word !== undefined) return lookUp(question, word)
  const candidates = ownEntries(executables, project)
  const [only] = candidates
  if (only === undefined) {
    return { kind: 'not-found', message: `the build holds no executable: ${SAY_WHAT}` }
  }
  if (candidates.length === 1) return judge(join(tree, only), only)
  const message = `the build holds ${candidates.length} executables (${listed(candidates)}): ${SAY_WHAT}`
  return { kind: 'ambiguous', candidates, message }
}

/** The only executable, or those named like the project; several when that does not decide. */
export function ownEntries(executables: readonly string[], project: string): readonly string[] {
  if (executables.length === 1) return executables
  const named = executables.filter((path) => baseOf(path) === project)
  if (named.length > 0) return named
  // `app-linux-amd64` for app.
  const alike = executables.filter((path) => isNamedLike(baseOf(path), project))
  return alike.length === 1 ? alike : executables
}

/** The paths in a build at which `word` of a command is looked for, before PATH; none for one of elsewhere. */
export function pathsOfCommand(word: string): readonly string[] {
  if (isAbsolute(word)) return []
  if (word.includes('/')) return [word]
  return FOLDERS.map((folder) => (folder === '' ? word : `${folder}/${word}`))
}

function lookUp({ tree, where = 'the build', executables, searchPath }: EntryQuestion, word: string): Entry {
  const places = pathsOfCommand(word).map((path) => join(tree, path))
  if (isAbsolute(word)) places.push(word)
  else if (!word.includes('/')) {
    places.push(...searchPath.split(':').flatMap((folder) => (isAbsolute(folder) ? [join(folder, word)] : [])))
  }
  let refused: Entry | null = null
  for (const path of places) {
    const entry = judge(path, word)
    if (entry.kind === 'found') return entry
    if (entry.kind === 'not-executable') refused ??= entry
  }
  const holds = executables.length === 0 ? '' : ` (it holds ${listed(executables)})`
  const looked = isAbsolute(word) ? '' : ` in ${where}${holds}${word.includes('/') ? '' : ' or in PATH'}`
  const message = `cannot find the command '${word}'${looked}: check how it is written`
  return refused ?? { kind: 'not-found', message }
}

function listed(paths: readonly string[]): string {
  return paths.slice(0, 5).join(', ') + (paths.length > 5 ? ', …' : '')
}

function judge(path: string, name: string): Entry {
  const stats = look(path)
  // By a mere word something else was meant.
  if (stats?.isDirectory() && name.includes('/'))
    return { kind: 'not-executable', message: `'${name}' is a folder and no program` }
  if (!stats?.isFile()) return { kind: 'not-found', message: `cannot find '${name}'` }
  try {
    accessSync(path, constants.X_OK)
    return { kind: 'found', path }
  } catch {
    return { kind: 'not-executable', message: `'${name}' is not executable: chmod +x it where it comes from` }
  }
}

/** Null also where a part of the path is a file, or nobody may look. */
function look(path: string): Stats | null {
  try {
    return statSync(path)
  } catch {
    return null
  }
}

function isNamedLike(name: string, project: string): boolean {
  return name.startsWith(project) && /^[-_.]/.test(name.slice(project.length))
}
