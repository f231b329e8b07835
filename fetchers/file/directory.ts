/**
 * A directory as the release of `file:`. Its digest is that of its manifest; whether anything changed is told by how
 * everything in it looks, without reading a byte. The copy keeps links as they are written: where they lead is judged
 * when the build is sealed.
 */

import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, mkdir, stat, symlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { incomplete } from '../../src/core/incomplete.ts'
import { canonicalForm, type ManifestEntry } from '../../src/core/manifest.ts'
import type { Check, Release, Sink } from '../../src/core/source.ts'
import { digestFile, type Found, isExecutableMode, type Listing, listTree } from '../../src/system/tree.ts'
import { type FileKnown, lookOf, STILL_MS } from './look.ts'
import { isPathBeingWritten } from './writers.ts'

/** More is no build; the stager has the same limit. */
const MAX_ENTRIES = 100_000

export async function checkDirectory(location: string, known: FileKnown | null): Promise<Check> {
  const busy: Check = { kind: 'incomplete', message: `${location} is being written` }
  const look = lookOf(await stat(location, { bigint: true }))
  const listing = await list(location)
  if (listing === null) return busy
  const { entries } = listing
  const shape = shapeOf(entries)
  const next = (digest: string): FileKnown => ({
    kind: 'directory',
    look,
    digest,
    executable: false,
    lastLookAt: Date.now(),
    shape,
  })
  if (known?.kind === 'directory' && known.shape === shape) return { kind: 'unchanged', known: next(known.digest) }
  if (!(await isStill(location, entries, shape, look.ctimeMs))) return busy
  const other = entries.find(({ kind }) => kind === 'other')
  const problem = other ? `holds '${other.path}', which is neither a file nor a directory nor a link` : listing.problem
  if (problem !== null) {
    return { kind: 'nothing-for-this-platform', message: `${location} ${problem}`, known: next('') }
  }
  const digest = await digestOf(location, entries)
  if (digest === null || !(await hasShape(location, shape))) return busy
  if (known?.kind === 'directory' && known.digest === digest) return { kind: 'unchanged', known: next(digest) }
  const size = entries.reduce((sum, { kind, stats }) => sum + (kind === 'file' ? Number(stats.size) : 0), 0)
  const release: Release = {
    version: digest.slice(0, 12),
    name: basename(location),
    size,
    digest: `sha256-${digest}`,
    ordered: false,
    isTree: true,
    detail: { shape },
  }
  return { kind: 'release', release, known: next(digest) }
}

export async function fetchDirectory(location: string, release: Release, into: Sink): Promise<void> {
  const { shape } = release.detail as { readonly shape: string }
  const changed = () => incomplete(`${location} changed while it was copied`)
  const listing = await list(location)
  if (listing === null || shapeOf(listing.entries) !== shape) throw changed()
  await into.tree(async (directory) => {
    try {
      for (const entry of listing.entries) await copy(location, entry, directory)
    } catch (error) {
      if (isGone(error)) throw changed()
      throw error
    }
    if (!(await hasShape(location, shape))) throw changed()
  })
}

/** Null when something vanished meanwhile. */
async function list(location: string): Promise<Listing | null> {
  try {
    return await listTree(location, { maxEntries: MAX_ENTRIES })
  } catch (error) {
    if (isGone(error)) return null
    throw error
  }
}

async function isStill(
  location: string,
  entries: readonly Found[],
  shape: string,
  topChangedMs: number,
): Promise<boolean> {
  const newestMs = entries.reduce((newest, { stats }) => Math.max(newest, Number(stats.ctimeNs) / 1e6), topChangedMs)
  const sinceMs = Date.now() - newestMs
  if (sinceMs < STILL_MS) {
    await delay(Math.min(STILL_MS, STILL_MS - sinceMs))
    if (!(await hasShape(location, shape))) return false
  }
  try {
    return !entries.some(({ path, kind }) => kind === 'file' && isPathBeingWritten(join(location, path)))
  } catch (error) {
    if (isGone(error)) return false
    throw error
  }
}

async function hasShape(location: string, shape: string): Promise<boolean> {
  const listing = await list(location)
  return listing !== null && shapeOf(listing.entries) === shape
}

function shapeOf(entries: readonly Found[]): string {
  const lines = entries.map(({ path, kind, stats, target }) => {
    // A folder's own times change with what lies in it, which stands here itself.
    if (kind === 'directory') return `d\t${path}`
    return `${kind}\t${path}\t${stats.mode}\t${stats.size}\t${stats.mtimeNs}\t${stats.ctimeNs}\t${stats.ino}\t${target}`
  })
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex')
}

/** Null when something vanished meanwhile. */
async function digestOf(location: string, entries: readonly Found[]): Promise<string | null> {
  const manifest: ManifestEntry[] = []
  try {
    for (const entry of entries) manifest.push(await manifestEntry(location, entry))
  } catch (error) {
    if (isGone(error)) return null
    throw error
  }
  return createHash('sha256').update(canonicalForm(manifest)).digest('hex')
}

async function manifestEntry(location: string, { path, kind, stats, target }: Found): Promise<ManifestEntry> {
  if (kind === 'directory') return { kind, path }
  if (kind === 'link') return { kind, path, target }
  const sha256 = await digestFile(join(location, path))
  return {
    kind: 'file',
    path,
    executable: isExecutableMode(stats.mode),
    size: Number(stats.size),
    sha256,
    seen: null,
  }
}

/** Folders come before what they hold. Reflinked where the file system can. */
async function copy(location: string, { path, kind, target }: Found, directory: string): Promise<void> {
  const to = join(directory, path)
  if (kind === 'directory') await mkdir(to)
  else if (kind === 'link') await symlink(target, to)
  else await copyFile(join(location, path), to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
}

function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP'
}
