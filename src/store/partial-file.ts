/**
 * The file of a download under way. With an identity it is named by that, and stays for a later try; without one it
 * lies in the job's own folder and goes with it.
 */

import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, readdir, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { errnoOf } from '../core/errors.ts'
import { READ_BYTES } from '../system/tree.ts'

/** What the sweep of `tmp/` leaves alone while it is young. */
export const PARTIAL_PREFIX = 'partial-'

export interface PartialFile {
  readonly path: string
  /** Bytes that are there. */
  readonly size: number
  /** Whether a cut download may be taken up again. */
  readonly isKept: boolean
  append(piece: Uint8Array): Promise<void>
  read(): AsyncIterable<Uint8Array>
  empty(): Promise<void>
  /** Keeps what has come, if anything has, for a later try. */
  giveBack(): Promise<void>
  /** It is not wanted any more. */
  discard(): Promise<void>
  close(): Promise<void>
}

export async function openPartial(
  { folder, partials, source }: { readonly folder: string; readonly partials: string; readonly source: string },
  identity: string | null,
): Promise<PartialFile> {
  const isKept = identity !== null
  const name = isKept ? PARTIAL_PREFIX + keyOf(source, identity) : 'partial'
  const path = join(folder, name)
  // Taken before it is opened: two jobs never have one file, and nobody writes to what another has verified.
  if (isKept) await rename(join(partials, name), path).catch(ignoreAbsent)
  const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  let { size } = await file.stat()
  return {
    path,
    isKept,
    get size() {
      return size
    },
    async append(piece) {
      for (let at = 0; at < piece.length; ) {
        const { bytesWritten } = await file.write(piece, at, piece.length - at, size)
        at += bytesWritten
        size += bytesWritten
      }
    },
    async *read() {
      const buffer = Buffer.allocUnsafe(READ_BYTES)
      for (let at = 0; at < size; ) {
        const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, size - at), at)
        if (bytesRead === 0) throw new Error(`${path} became shorter while it was read`)
        at += bytesRead
        yield buffer.subarray(0, bytesRead)
      }
    },
    async giveBack() {
      if (isKept) await keepPartial(path, partials)
    },
    async empty() {
      await file.truncate(0)
      size = 0
    },
    async discard() {
      await rm(path, { force: true })
    },
    close: () => file.close(),
  }
}

/** Moves a cut download to where the next job looks for it; there is never more than one, and none without bytes. */
export async function keepPartial(path: string, partials: string): Promise<void> {
  if (!(await settle(path))) return await rm(path, { force: true })
  await dropPartials(partials)
  await rename(path, join(partials, basename(path))).catch(ignoreAbsent)
}

/**
 * Whether it is a file with bytes in it, and these are on the disk: after a power loss a name may lead to zeros, and
 * what nothing vouches for would be taken up with them. Not through a link, nor waiting for a pipe, that a stager has
 * left.
 */
async function settle(path: string): Promise<boolean> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(ignoreOther)
  if (file === undefined) return false
  try {
    const stats = await file.stat()
    if (!stats.isFile() || stats.size === 0) return false
    await file.sync()
    return true
  } finally {
    await file.close()
  }
}

/** What others have left there is of an older release. */
export async function dropPartials(partials: string): Promise<void> {
  for (const name of await readdir(partials)) {
    // One that another stager has just left cannot be removed by this one.
    if (name.startsWith(PARTIAL_PREFIX)) await rm(join(partials, name), { force: true }).catch(ignoreForeign)
  }
}

function ignoreForeign(error: unknown): void {
  if (!['EPERM', 'EACCES'].includes(errnoOf(error) ?? '')) throw error
}

function ignoreOther(error: unknown): undefined {
  if (!['ENOENT', 'ELOOP', 'ENXIO'].includes(errnoOf(error) ?? '')) throw error
}

function ignoreAbsent(error: unknown): void {
  if (errnoOf(error) !== 'ENOENT') throw error
}

function keyOf(source: string, identity: string): string {
  return createHash('sha256').update(`${source}\0${identity}`).digest('hex').slice(0, 32)
}
