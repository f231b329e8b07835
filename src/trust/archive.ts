/**
 * Unpacks an archive into an empty folder, or refuses it whole. Only plain files and folders are written; links come
 * back as data, checked to stay inside, and are made by the master when the build is sealed. Bytes that are no good
 * archive are a refusal, which is a value; what the disk says is thrown.
 */

import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { linkProblem, type TreeLink, type TreeNode } from '../core/tree-path.ts'
import type { Kind } from './kinds.ts'
import { TRUST_LIMITS } from './limits.ts'

export interface ArchiveLimits {
  readonly entries: number
  readonly treeBytes: number
  readonly ratio: number
  readonly ratioFromBytes: number
}

export interface Unpacked {
  /** sha256 of every file, by path: read on the way through. */
  readonly digests: ReadonlyMap<string, string>
  readonly links: readonly TreeLink[]
}

/** What an unpacker found: every path of the archive with what stands there. */
export interface Contents {
  readonly nodes: ReadonlyMap<string, TreeNode>
  readonly digests: ReadonlyMap<string, string>
}

export type Refusal = { readonly problem: string }

/**
 * `tree` must not exist yet; `work` is an empty folder beside it. A single top folder is left out. `problem` is the end
 * of a sentence that begins with the archive's name; what was written until then is the caller's to remove.
 */
export async function unpack(
  archive: string,
  kind: Exclude<Kind, 'single'>,
  folders: { readonly work: string; readonly tree: string },
  limits: ArchiveLimits = TRUST_LIMITS,
): Promise<Unpacked | Refusal> {
  const { unpackTar } = await import('./tar.ts')
  await mkdir(folders.work, { mode: 0o700 })
  const contents = await unpackTar(archive, kind === 'tar.gz', folders.work, limits)
  if ('problem' in contents) return contents
  const top = topFolder(contents.nodes)
  const inner = withoutTop(contents, top)
  if (inner.digests.size === 0) return { problem: 'holds no files' }
  const links = linksOf(inner.nodes)
  for (const link of links) {
    const problem = linkProblem(link, (path) => inner.nodes.get(path) ?? 'missing')
    if (problem !== null) return { problem: `holds the link '${link.path}', which ${problem}` }
  }
  await rename(join(folders.work, top), folders.tree)
  return { digests: inner.digests, links }
}

/** The one folder that holds everything else, or ''. */
function topFolder(nodes: ReadonlyMap<string, TreeNode>): string {
  const tops = new Set([...nodes.keys()].map((path) => path.split('/', 1)[0] as string))
  const [top] = tops
  return tops.size === 1 && top !== undefined && nodes.get(top) === 'directory' ? top : ''
}

function withoutTop(contents: Contents, top: string): Contents {
  if (top === '') return contents
  const strip = <T>(map: ReadonlyMap<string, T>) =>
    new Map([...map].flatMap(([path, value]) => (path === top ? [] : [[path.slice(top.length + 1), value] as const])))
  return { nodes: strip(contents.nodes), digests: strip(contents.digests) }
}

function linksOf(nodes: ReadonlyMap<string, TreeNode>): TreeLink[] {
  return [...nodes].flatMap(([path, node]) => (typeof node === 'object' ? [{ path, target: node.target }] : []))
}
