/** One packed file (`app.gz`, `app.xz`) to the file that it stands for, hashed on the way. */

import { createHash } from 'node:crypto'
import { openSync } from 'node:fs'
import { formatSize } from '../core/duration.ts'
import type { ArchiveLimits, Refusal } from './archive.ts'
import { unpackedBytes } from './decompress.ts'
import type { Compression } from './kinds.ts'
import { TRUST_LIMITS } from './limits.ts'
import { Refused } from './refused.ts'
import { WriteBehind } from './write-behind.ts'

/**
 * `to` must not exist yet. Gives its sha256, 64 hex digits; what was written of a refused one is the caller's to
 * remove.
 */
export async function unpackSingle(
  packed: string,
  compression: Compression,
  to: string,
  limits: Pick<ArchiveLimits, 'treeBytes' | 'ratio' | 'ratioFromBytes'> = TRUST_LIMITS,
): Promise<{ readonly sha256: string } | Refusal> {
  const fd = openSync(to, 'wx', 0o600)
  const behind = new WriteBehind()
  try {
    const hash = createHash('sha256')
    let bytes = 0
    for await (const piece of unpackedBytes(packed, compression, limits)) {
      bytes += piece.length
      if (bytes > limits.treeBytes) throw new Refused(`is over ${formatSize(limits.treeBytes)} unpacked`)
      behind.write(fd, piece, bytes - piece.length)
      hash.update(piece)
      await behind.settle()
    }
    return { sha256: hash.digest('hex') }
  } catch (error) {
    if (error instanceof Refused) return { problem: error.message }
    throw error
  } finally {
    behind.close(fd)
  }
}
