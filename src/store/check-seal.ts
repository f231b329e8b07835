/**
 * Whether a build on disk is still what was sealed. Read-only means nothing to root, so a build is believed by its
 * manifest: every listed file must match; what else lies in the tree (`__pycache__`, a stray database) is only
 * reported. A file with unchanged size, times and inode is not read again, unless everything is asked for.
 */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BuildId } from '../core/build.ts'
import { type FileEntry, type ManifestEntry, parseManifest } from '../core/manifest.ts'
import { parentOf } from '../core/tree-path.ts'
import { digestFile, type Found, isExecutableMode, listTree, seenOf } from '../system/tree.ts'
import { buildFolder, readBuildFile, treeFolder } from './build-file.ts'
import type { StorePaths } from './layout.ts'
import { manifestDigest } from './manifest.ts'

export interface SealCheck {
  readonly missing: readonly string[]
  readonly changed: readonly string[]
  /** Not of the build; of a strange folder only the folder itself. */
  readonly strangers: readonly string[]
}

export const WHOLE: SealCheck = { missing: [], changed: [], strangers: [] }

/** Nothing of the build is missing or changed; strangers do not count. */
export function isWhole(check: SealCheck): boolean {
  return check.missing.length === 0 && check.changed.length === 0
}

/** What is wrong with it, for a sentence: the first few files that are missing or changed. Null when it is whole. */
export function damageOf(check: SealCheck): string | null {
  if (isWhole(check)) return null
  const [missing, changed] = [check.missing, check.changed].map((paths) => paths.slice(0, NAMED).join(', '))
  return [missing ? `missing: ${missing}` : '', changed ? `changed: ${changed}` : ''].filter(Boolean).join('; ')
}

const NAMED = 3

export interface CheckOptions {
  /** Every byte is read. */
  readonly full: boolean
  /** Throws its reason when it is aborted. */
  readonly signal?: AbortSignal
}

/** Paths are relative to the tree; `build.json` and `manifest` stand for those two files beside it. */
export async function checkSeal(paths: StorePaths, id: BuildId, options: CheckOptions): Promise<SealCheck> {
  const file = readBuildFile(paths, id)
  if (file === null) return { missing: ['build.json'], changed: [], strangers: [] }
  const text = await readFile(join(buildFolder(paths, id), 'manifest'), 'utf8').catch(() => null)
  if (text === null) return { missing: ['manifest'], changed: [], strangers: [] }
  const entries = parseManifest(text)
  if (entries === null || manifestDigest(entries) !== file.manifest) {
    return { missing: [], changed: ['manifest'], strangers: [] }
  }
  return compare(treeFolder(paths, id), entries, options)
}

async function compare(tree: string, entries: readonly ManifestEntry[], options: CheckOptions): Promise<SealCheck> {
  const found = await listAll(tree, options.signal)
  const here = new Map(found.map((each) => [each.path, each]))
  const missing: string[] = []
  const changed: string[] = []
  for (const entry of entries) {
    const one = here.get(entry.path)
    here.delete(entry.path)
    if (one === undefined) missing.push(entry.path)
    else if (!(await isSame(tree, entry, one, options))) changed.push(entry.path)
  }
  const strangers = [...here.keys()].filter((path) => !here.has(parentOf(path))).sort()
  return { missing, changed, strangers }
}

/** A tree that is gone misses everything; strange names in it are strangers like others. */
async function listAll(tree: string, signal?: AbortSignal): Promise<readonly Found[]> {
  try {
    return (await listTree(tree, { signal })).entries
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

async function isSame(tree: string, entry: ManifestEntry, found: Found, options: CheckOptions): Promise<boolean> {
  if (entry.kind !== found.kind) return false
  if (entry.kind === 'link') return entry.target === found.target
  return entry.kind === 'directory' || isSameFile(join(tree, entry.path), entry, found, options)
}

async function isSameFile(
  path: string,
  entry: FileEntry,
  { stats }: Found,
  { full, signal }: CheckOptions,
): Promise<boolean> {
  if (Number(stats.size) !== entry.size || isExecutableMode(stats.mode) !== entry.executable) return false
  const seen = seenOf(stats)
  const looksSame =
    seen.mtimeNs === entry.seen?.mtimeNs && seen.ctimeNs === entry.seen.ctimeNs && seen.inode === entry.seen.inode
  if (looksSame && !full) return true
  return (await digestFile(path, signal)) === entry.sha256
}
