/**
 * What a source had to read before anybody decided to take it, written to the job's own place in the same pass. It is
 * hashed here, as everything is that comes from a fetcher, and taken over only by its own job. What nobody takes goes
 * with the scratch folder.
 */

import { createHash } from 'node:crypto'
import { mkdir, rename, statfs } from 'node:fs/promises'
import { formatSize } from '../../core/duration.ts'
import { AutoupError, errnoOf } from '../../core/errors.ts'
import type { Kept } from '../../core/source.ts'
import { openPartial, type PartialFile } from '../../store/partial-file.ts'
import { TRUST_LIMITS } from '../../trust/limits.ts'

export interface Keeper {
  keep(bytes: AsyncIterable<Uint8Array>, size: number): Promise<Kept>
  /** Moves it to a path of the same file system. Throws for what is not here, or was taken before. */
  takeOver(kept: Kept, to: string): Promise<void>
}

/** What is larger than `maxBytes` is not read at all: `keep` throws AutoupError `failed`. */
export function newKeeper({ folder, maxBytes }: { readonly folder: string; readonly maxBytes: number }): Keeper {
  const places = new Map<Kept, string>()
  let turn = 0
  return {
    async keep(bytes, size) {
      requireFit('the source', size, maxBytes)
      const place = await openPlace(`${folder}/kept-${turn++}`, folder, size)
      try {
        const { sha256, bytes: length, isHere } = await copy(bytes, place, size)
        const kept = { size: length, sha256, isHere }
        if (isHere && place !== null) places.set(kept, place.path)
        else await place?.discard()
        return kept
      } finally {
        await place?.close()
      }
    },
    async takeOver(kept, to) {
      const path = places.get(kept)
      if (path === undefined) throw new Error('a fetcher delivers only what was kept in the same job, once')
      places.delete(kept)
      await rename(path, to)
    },
  }
}

/** Throws AutoupError `failed`. */
export function requireFit(what: string, size: number, maxBytes: number): void {
  if (size <= maxBytes) return
  throw new AutoupError('failed', `${what} has ${formatSize(size)}, and at most ${formatSize(maxBytes)} are taken`)
}

/** Null where there is no room: not for this beside what the job itself will need. */
async function openPlace(own: string, folder: string, size: number): Promise<PartialFile | null> {
  try {
    // Not `recursive`, which makes a store's tmp that is gone, and on Node 20 never comes back from some places.
    await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
      if (errnoOf(error) !== 'EEXIST') throw error
    })
    await mkdir(own, { mode: 0o700 })
    const { bavail, bsize } = await statfs(folder)
    if (bavail * bsize < (size + TRUST_LIMITS.spareBytes) * 2) return null
    return await openPartial({ folder: own, partials: own, source: '' }, null)
  } catch {
    // The job will say what is wrong with its disk when it needs it.
    return null
  }
}

async function copy(
  bytes: AsyncIterable<Uint8Array>,
  place: PartialFile | null,
  size: number,
): Promise<{ readonly sha256: string; readonly bytes: number; readonly isHere: boolean }> {
  const hash = createHash('sha256')
  let length = 0
  let isHere = place !== null
  for await (const piece of bytes) {
    length += piece.length
    // A file that grows is no release, and not ours to follow.
    if (length > size) isHere = false
    // The write runs in a thread while this one hashes. A disk that is full is no reason not to know the digest.
    const written =
      isHere && place !== null
        ? place.append(piece).then(
            () => true,
            () => false,
          )
        : isHere
    hash.update(piece)
    isHere = await written
  }
  return { sha256: hash.digest('hex'), bytes: length, isHere: isHere && length === size }
}
