/**
 * Where a fetcher delivers to, in the stager's own folder: one file, hashed and bounded as it arrives, or a tree. What
 * has arrived is not trusted by this; only its digest and size are known afterwards.
 */

import { createHash } from 'node:crypto'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { formatSize } from '../core/duration.ts'
import { AutoupError } from '../core/errors.ts'
import type { Sink } from '../core/source.ts'

export type Delivered =
  | { readonly kind: 'artifact'; readonly path: string; readonly size: number; readonly sha256: string }
  | { readonly kind: 'tree'; readonly path: string }

export interface Delivery {
  readonly sink: Sink
  /** What came, or null. */
  delivered(): Delivered | null
}

/** `onBytes` hears the sum so far after each piece. */
export function newDelivery(folder: string, maxBytes: number, onBytes: (bytes: number) => void): Delivery {
  let delivered: Delivered | null = null
  const once = () => {
    if (delivered !== null) throw new Error('a fetcher delivers once')
  }
  const sink: Sink = {
    async artifact(bytes) {
      once()
      const path = join(folder, 'artifact')
      delivered = { kind: 'artifact', path, ...(await receive(bytes, path, maxBytes, onBytes)) }
    },
    async tree(fill) {
      once()
      const path = join(folder, 'tree')
      await mkdir(path, { mode: 0o755 })
      await fill(path)
      delivered = { kind: 'tree', path }
    },
  }
  return { sink, delivered: () => delivered }
}

async function receive(
  bytes: AsyncIterable<Uint8Array>,
  path: string,
  maxBytes: number,
  onBytes: (bytes: number) => void,
): Promise<{ size: number; sha256: string }> {
  const file = await open(path, 'wx', 0o600)
  try {
    const hash = createHash('sha256')
    let size = 0
    for await (const piece of bytes) {
      size += piece.length
      if (size > maxBytes) {
        throw new AutoupError(
          'failed',
          `the artifact is over ${formatSize(maxBytes)}, more than is taken: not downloaded`,
        )
      }
      // The write runs in a thread while this one hashes.
      const written = writeAll(file, piece)
      hash.update(piece)
      await written
      onBytes(size)
    }
    return { size, sha256: hash.digest('hex') }
  } finally {
    await file.close()
  }
}

async function writeAll(file: Awaited<ReturnType<typeof open>>, piece: Uint8Array): Promise<void> {
  for (let at = 0; at < piece.length; ) at += (await file.write(piece, at)).bytesWritten
}
