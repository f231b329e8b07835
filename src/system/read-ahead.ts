/** A file piece by piece, where the next piece is read while somebody works on this one. */

import type { FileHandle } from 'node:fs/promises'
import { READ_BYTES } from './tree.ts'

/**
 * From `from` to the end. A piece is good until the next one is asked for: two buffers serve for all of them, since a
 * new one for each would cost more than to read it.
 */
export async function* readAhead(file: FileHandle, from = 0): AsyncGenerator<Buffer> {
  let [buffer, other] = [Buffer.allocUnsafe(READ_BYTES), Buffer.allocUnsafe(READ_BYTES)]
  let at = from
  let next = file.read(buffer, 0, READ_BYTES, at)
  try {
    for (;;) {
      const { bytesRead } = await next
      if (bytesRead === 0) return
      at += bytesRead
      next = file.read(other, 0, READ_BYTES, at)
      // Whoever stops early does not hear of it.
      next.catch(() => undefined)
      yield buffer.subarray(0, bytesRead)
      ;[buffer, other] = [other, buffer]
    }
  } finally {
    // The file may be closed after this.
    await next.catch(() => undefined)
  }
}
