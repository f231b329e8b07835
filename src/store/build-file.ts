/**
 * `build.json`, what a sealed build says of itself, small on purpose: the manifest, which can have megabytes, stands
 * beside it. The stager writes it, the master checks it and seals; after that it never changes.
 */

import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Build, BuildId } from '../core/build.ts'
import { errnoOf } from '../core/errors.ts'
import type { Totals } from '../core/manifest.ts'
import type { TreeLink } from '../core/tree-path.ts'
import type { StorePaths } from './layout.ts'

export const BUILD_FORMAT = 1

export interface BuildFile {
  readonly format: typeof BUILD_FORMAT
  readonly id: BuildId
  readonly version: string
  /** The release source as it was given. */
  readonly source: string
  /** ISO 8601; shown, and the order in which builds are swept. */
  readonly stagedAt: string
  readonly proofs: readonly string[]
  /** Whether versions of the source have an order: then this one can be a version floor. */
  readonly ordered: boolean
  /** The name of the artifact it came from. */
  readonly artifact: string
  /** sha256 of the canonical form of the manifest, 64 hex digits. */
  readonly manifest: string
  readonly links: readonly TreeLink[]
  /** What could be the entry: paths in the tree, shallow ones first, at most EXECUTABLES_KEPT. */
  readonly executables: readonly string[]
  readonly totals: Totals
}

/**
 * The master parses it in one go, and JSON can become thirty times its size in memory: 4 MiB, where 10 000 links with
 * names of 100 bytes have 2.
 */
export const BUILD_FILE_BYTES = 4_194_304

/** More candidates for an entry than this are no choice anyway. */
export const EXECUTABLES_KEPT = 200

const OUTAGES: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EIO'])

const ID = /^sha256-[0-9a-f]{64}$/

export function isBuildId(id: unknown): id is BuildId {
  return typeof id === 'string' && ID.test(id)
}

export function buildFolder(paths: StorePaths, id: BuildId): string {
  return join(paths.builds, id)
}

/** Where the build's program runs. */
export function treeFolder(paths: StorePaths, id: BuildId): string {
  return join(paths.builds, id, 'tree')
}

/** Whether it is there at all, at the cost of a look; whether it is whole is another question (check-seal.ts). */
export function isStored(paths: StorePaths, id: BuildId): boolean {
  return existsSync(treeFolder(paths, id)) && existsSync(join(buildFolder(paths, id), 'build.json'))
}

/** Null when there is no such build, or its file is not right. */
export function readBuildFile(paths: StorePaths, id: BuildId): BuildFile | null {
  if (!isBuildId(id)) return null
  const file = readBuildFileIn(buildFolder(paths, id))
  return file?.id === id ? file : null
}

/** As it lies in a folder, whatever that is called. Throws the system error where it cannot be looked at now. */
export function readBuildFileIn(folder: string): BuildFile | null {
  const path = join(folder, 'build.json')
  try {
    if (statSync(path).size > BUILD_FILE_BYTES) return null
    return parseBuildFile(JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    // Not to be able to look says nothing about what is there.
    if (OUTAGES.has(errnoOf(error) ?? '')) throw error
    return null
  }
}

export function formatBuildFile(file: BuildFile): string {
  return `${JSON.stringify(file, null, 1)}\n`
}

/** As the ledger speaks of it, never committed: that the ledger alone knows. */
export function buildOf({ id, version, stagedAt, proofs }: BuildFile): Build {
  return { id, version, stagedAt, committedAt: null, proofs }
}

/** Null when there is no such build, or its file is not right. */
export function readBuild(paths: StorePaths, id: BuildId): Build | null {
  const file = readBuildFile(paths, id)
  return file === null ? null : buildOf(file)
}

/** By hand: the master reads this often, and a schema library stays in its memory. */
function parseBuildFile(value: unknown): BuildFile | null {
  if (typeof value !== 'object' || value === null) return null
  const file = value as Partial<Record<keyof BuildFile, unknown>>
  const isRight =
    file.format === BUILD_FORMAT &&
    isBuildId(file.id) &&
    [file.version, file.source, file.stagedAt, file.artifact].every((each) => typeof each === 'string') &&
    typeof file.ordered === 'boolean' &&
    typeof file.manifest === 'string' &&
    /^[0-9a-f]{64}$/.test(file.manifest) &&
    isStrings(file.proofs) &&
    isStrings(file.executables) &&
    Array.isArray(file.links) &&
    file.links.every(isLink) &&
    isTotals(file.totals)
  return isRight ? (value as BuildFile) : null
}

function isStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

function isLink(value: unknown): boolean {
  const link = value as Partial<TreeLink> | null
  return typeof link?.path === 'string' && typeof link.target === 'string'
}

function isTotals(value: unknown): boolean {
  const totals = value as Partial<Totals> | null
  const numbers = [totals?.files, totals?.directories, totals?.links, totals?.bytes]
  return numbers.every((each) => Number.isSafeInteger(each))
}
