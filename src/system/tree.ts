/**
 * Trees on disk: what is in one, the digest of a file, the removal of a sealed one. Links are never followed. Nothing
 * here judges what it finds; names that a tree must not have are reported with the reason (see cleanPath).
 */

import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { chmod, lstat, open, readdir, readlink, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../core/errors.ts'
import type { Seen } from '../core/manifest.ts'
import { shown } from '../core/shown.ts'
import { cleanPath } from '../core/tree-path.ts'

export interface Found {
  /** Relative to the tree; never ''. */
  readonly path: string
  readonly kind: 'directory' | 'file' | 'link' | 'other'
  readonly stats: BigIntStats
  /** Of a link, as it is written there; else ''. */
  readonly target: string
}

export interface Listing {
  /** A folder comes before what it holds. */
  readonly entries: readonly Found[]
  /** The first thing that keeps this from being the tree of a build, as a sentence's end, or null. */
  readonly problem: string | null
  /** `maxEntries` ended it: not all is listed. */
  readonly isCut: boolean
}

/**
 * Goes through the whole tree, unless `maxEntries` ends it. Throws the system error of what cannot be read, and the
 * reason of a signal that was aborted.
 */
export async function listTree(
  root: string,
  { maxEntries = Number.POSITIVE_INFINITY, signal }: { maxEntries?: number; signal?: AbortSignal | undefined } = {},
): Promise<Listing> {
  const entries: Found[] = []
  const folders = ['']
  let problem: string | null = null
  for (const folder of folders) {
    signal?.throwIfAborted()
    const names = await readdir(join(root, folder))
    if (entries.length + names.length > maxEntries) {
      return { entries, problem: `holds more than ${maxEntries} files and folders`, isCut: true }
    }
    for (const found of await Promise.all(names.map((name) => look(root, join(folder, name))))) {
      entries.push(found)
      if (found.kind === 'directory') folders.push(found.path)
      problem ??= problemOf(found.path)
    }
  }
  return { entries, problem, isCut: false }
}

/** Times and inode as a manifest keeps them. */
export function seenOf(stats: BigIntStats): Seen {
  return { mtimeNs: `${stats.mtimeNs}`, ctimeNs: `${stats.ctimeNs}`, inode: `${stats.ino}` }
}

/** Any execute bit. */
export function isExecutableMode(mode: bigint | number): boolean {
  return (Number(mode) & 0o111) !== 0
}

/** Large enough that the calls cost nothing beside the hash. */
export const READ_BYTES: number = 1_048_576

/** sha256 of a file, 64 hex digits. Throws the reason of a signal that was aborted. */
export async function digestFile(path: string, signal?: AbortSignal): Promise<string> {
  const file = await open(path, 'r')
  try {
    const hash = createHash('sha256')
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, Math.max(1, (await file.stat()).size)))
    for (;;) {
      signal?.throwIfAborted()
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null)
      if (bytesRead === 0) return hash.digest('hex')
      hash.update(buffer.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}

/** Removes a tree whose folders are read-only; fine when there is none, or somebody else removes it as well. */
export async function removeTree(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => null)
  if (stats === null) return
  if (stats.isDirectory()) await makeWritable(path)
  await rm(path, { recursive: true, force: true })
}

async function makeWritable(folder: string): Promise<void> {
  try {
    await chmod(folder, 0o700)
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) await makeWritable(join(folder, entry.name))
    }
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

async function look(root: string, path: string): Promise<Found> {
  const stats = await lstat(join(root, path), { bigint: true })
  if (stats.isDirectory()) return { path, kind: 'directory', stats, target: '' }
  if (stats.isFile()) return { path, kind: 'file', stats, target: '' }
  if (stats.isSymbolicLink()) return { path, kind: 'link', stats, target: await readlink(join(root, path)) }
  return { path, kind: 'other', stats, target: '' }
}

function problemOf(path: string): string | null {
  const clean = cleanPath(path)
  return 'problem' in clean ? `holds '${shown(path)}', whose name ${clean.problem}` : null
}
