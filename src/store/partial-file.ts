/**
 * The file of a download under way. With an identity it is named by that, and stays for a later try; without one it
 * lies in the job's own folder and goes with it.
 */

import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
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
  /** It is not wanted any more. */
  discard(): Promise<void>
  close(): Promise<void>
}

export async function openPartial(
  { folder, partials, source }: { readonly folder: string; readonly partials: string; readonly source: string },
  identity: string | null,
): Promise<PartialFile> {
  const isKept = identity !== null
  const path = isKept ? join(partials, PARTIAL_PREFIX + keyOf(source, identity)) : join(folder, 'partial')
  const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  let size = (await stat(path)).size
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

function keyOf(source: string, identity: string): string {
  return createHash('sha256').update(`${source}\0${identity}`).digest('hex').slice(0, 32)
}
