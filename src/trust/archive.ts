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
import { Refused } from './refused.ts'

export interface ArchiveLimits {
  readonly entries: number
  readonly links: number
  readonly nameLength: number
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
  kind: Kind,
  folders: { readonly work: string; readonly tree: string },
  limits: ArchiveLimits = TRUST_LIMITS,
): Promise<Unpacked | Refusal> {
  await mkdir(folders.work, { mode: 0o700 })
  try {
    const contents = await contentsOf(archive, kind, folders.work, limits)
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
  } catch (error) {
    if (error instanceof Refused) return { problem: error.message }
    throw error
  }
}

async function contentsOf(archive: string, kind: Kind, into: string, limits: ArchiveLimits): Promise<Contents> {
  if (kind.form === 'zip') {
    const { unpackZip } = await import('./zip.ts')
    return await unpackZip(archive, into, limits)
  }
  const [{ unpackTar }, { unpackedBytes }] = await Promise.all([import('./tar.ts'), import('./decompress.ts')])
  return await unpackTar(unpackedBytes(archive, kind.compression, limits), into, limits)
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
