/** How a file or directory looks from outside: what `file:` compares to tell that something may be new. */

import type { BigIntStats } from 'node:fs'

/** Nothing has changed for this long: a copy that is under way writes more often. */
export const STILL_MS = 250

/** A change deep in a directory is seen after this time at the latest. */
export const DEEP_LOOK_MS = 30_000

/** Of stat(2). Milliseconds with their fractions; `device` and `inode` change when a link is pointed elsewhere. */
export interface Look {
  readonly device: string
  readonly inode: string
  readonly size: number
  readonly mtimeMs: number
  readonly ctimeMs: number
}

/** What a check remembers. */
export interface FileKnown {
  readonly kind: 'file' | 'directory'
  readonly look: Look
  /** 64 hex digits: of the bytes, or of the manifest. */
  readonly digest: string
  readonly executable: boolean
  /** Wall clock, milliseconds. */
  readonly lastLookAt: number
  /** Of a directory: the digest of how everything in it looks. */
  readonly shape?: string
}

export function lookOf(stats: BigIntStats): Look {
  return {
    device: `${stats.dev}`,
    inode: `${stats.ino}`,
    size: Number(stats.size),
    mtimeMs: Number(stats.mtimeNs) / 1e6,
    ctimeMs: Number(stats.ctimeNs) / 1e6,
  }
}

export function sameLook(a: Look, b: Look): boolean {
  return (
    a.device === b.device &&
    a.inode === b.inode &&
    a.size === b.size &&
    a.mtimeMs === b.mtimeMs &&
    a.ctimeMs === b.ctimeMs
  )
}

/** What is remembered comes from a file on disk that another version may have written. */
export function isFileKnown(value: unknown): value is FileKnown {
  const known = value as Partial<FileKnown> | null
  const look = known?.look as Partial<Look> | undefined
  return (
    (known?.kind === 'file' || known?.kind === 'directory') &&
    typeof known.digest === 'string' &&
    typeof known.lastLookAt === 'number' &&
    typeof look?.inode === 'string'
  )
}
