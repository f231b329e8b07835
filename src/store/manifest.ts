/**
 * From a tree on disk to its manifest. `sealTree` runs in the stager, over what was unpacked: it makes files read-only,
 * takes links out of the tree (they are data until the master has checked them), and notes how each file looks from
 * now on. Afterwards nothing in the tree changes any more.
 */

import { createHash } from 'node:crypto'
import { chmod, lstat, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  canonicalForm,
  type FileEntry,
  formatManifest,
  type ManifestEntry,
  sortEntries,
  totalsOf,
} from '../core/manifest.ts'
import { linkProblem, parentOf, type TreeLink, type TreeNode } from '../core/tree-path.ts'
import { inParallel } from '../system/parallel.ts'
import { digestFile, type Found, isExecutableMode, listTree, seenOf } from '../system/tree.ts'
import { BUILD_FORMAT, type BuildFile, EXECUTABLES_KEPT } from './build-file.ts'

/** As many as libuv has threads for files, and some that wait for one. */
const AT_ONCE = 16

export interface SealOptions {
  readonly maxEntries: number
  /** Digests that are known already, by path: those files are not read again. */
  readonly digests?: ReadonlyMap<string, string>
  /** Links that were never made, so that they stand in no folder. */
  readonly links?: readonly TreeLink[]
}

/** The manifest, or why there can be none: the end of a sentence that begins with the artifact. */
export async function sealTree(
  tree: string,
  options: SealOptions,
): Promise<{ readonly entries: readonly ManifestEntry[] } | { readonly problem: string }> {
  const { entries: found, problem } = await listTree(tree, { maxEntries: options.maxEntries })
  if (problem !== null) return { problem }
  const other = found.find((each) => each.kind === 'other')
  if (other) return { problem: `holds '${other.path}', which is neither a file nor a directory nor a link` }
  const links = [...(options.links ?? []), ...found.filter((each) => each.kind === 'link')]
  const bad = firstBadLink(found, links)
  if (bad !== null) return { problem: bad }
  for (const { path } of found.filter((each) => each.kind === 'link')) await rm(join(tree, path))
  const files: FileEntry[] = []
  const plain = found.filter((each) => each.kind === 'file')
  await inParallel(plain, AT_ONCE, async (each) => void files.push(await sealFile(tree, each, options.digests)))
  const folders = found.filter((each) => each.kind === 'directory')
  await sealFolders(tree, folders, links)
  return {
    entries: sortEntries([
      ...files,
      ...folders.map(({ path }) => ({ kind: 'directory', path }) as const),
      ...links.map(({ path, target }) => ({ kind: 'link', path, target }) as const),
    ]),
  }
}

/** 64 hex digits; with `sha256-` before it, the name of a directory build. */
export function manifestDigest(entries: readonly ManifestEntry[]): string {
  return createHash('sha256').update(canonicalForm(entries)).digest('hex')
}

/** The two files that stand beside the tree. */
export function describeTree(
  entries: readonly ManifestEntry[],
  {
    entries: own,
    ...facts
  }: Pick<BuildFile, 'id' | 'version' | 'source' | 'stagedAt' | 'proofs' | 'ordered' | 'artifact'> & {
    /** What the source says is to be run, instead of all that could be. */
    readonly entries?: readonly string[] | null
  },
): { readonly file: BuildFile; readonly manifest: string } {
  const look = lookIn(entries)
  const links = entries.flatMap((entry) => (entry.kind === 'link' ? [{ path: entry.path, target: entry.target }] : []))
  const file: BuildFile = {
    format: BUILD_FORMAT,
    ...facts,
    manifest: manifestDigest(entries),
    links,
    executables: own ? own.filter((path) => look(path) !== 'missing') : executablesOf(entries),
    totals: totalsOf(entries),
  }
  return { file, manifest: formatManifest(entries) }
}

/** What stands at each path of a manifest. */
export function lookIn(entries: readonly ManifestEntry[]): (path: string) => TreeNode {
  const nodes = new Map(entries.map((entry) => [entry.path, entry.kind === 'link' ? entry : entry.kind] as const))
  return (path) => nodes.get(path) ?? 'missing'
}

const IS_LIBRARY = /\.(?:so(?:\.\d+)*|node|a|o)$/

/** What belongs to a tool or comes with a dependency: `.git/hooks`, `.venv/bin`, `node_modules/.bin`. */
const NOT_ITS_OWN = /(?:^|\/)(?:node_modules|\.[^/]+)\//

/** Shared libraries have the execute bit too, and nobody starts them. */
function executablesOf(entries: readonly ManifestEntry[]): string[] {
  const files = entries.filter((entry) => entry.kind === 'file')
  // One file is the entry whatever its mode says: a command may be given that reads it.
  if (files.length === 1) return files.map(({ path }) => path)
  return files
    .filter(({ path, executable }) => executable && !NOT_ITS_OWN.test(path) && !IS_LIBRARY.test(path))
    .map(({ path }) => path)
    .sort((a, b) => a.split('/').length - b.split('/').length || (a < b ? -1 : 1))
    .slice(0, EXECUTABLES_KEPT)
}

function firstBadLink(found: readonly Found[], links: readonly TreeLink[]): string | null {
  const nodes = new Map<string, TreeNode>(found.map(({ path, kind }) => [path, kind === 'directory' ? kind : 'file']))
  for (const link of links) nodes.set(link.path, { target: link.target })
  for (const link of links) {
    const problem = linkProblem(link, (path) => nodes.get(path) ?? 'missing')
    if (problem !== null) return `holds the link '${link.path}', which ${problem}`
  }
  return null
}

/** Modes of setuid and the like end here. Its times are read last, since chmod(2) changes one of them. */
async function sealFile(tree: string, found: Found, digests?: ReadonlyMap<string, string>): Promise<FileEntry> {
  const { path } = found
  const executable = isExecutableMode(found.stats.mode)
  const file = join(tree, path)
  await chmod(file, executable ? 0o555 : 0o444)
  const sha256 = digests?.get(path) ?? (await digestFile(file))
  const stats = await lstat(file, { bigint: true })
  return { kind: 'file', path, executable, size: Number(stats.size), sha256, seen: seenOf(stats) }
}

/** Folders that are still to get a link stay writable for the master, who closes them. */
async function sealFolders(tree: string, folders: readonly Found[], links: readonly TreeLink[]): Promise<void> {
  const open = new Set(links.map(({ path }) => parentOf(path)))
  const paths = ['', ...folders.map(({ path }) => path)]
  await inParallel(paths, AT_ONCE, (path) => chmod(join(tree, path), open.has(path) ? 0o755 : 0o555))
}
