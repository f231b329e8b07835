/**
 * Where a fetcher delivers to, in the stager's own folder: one file, hashed and bounded as it arrives, or a tree. What
 * has arrived is not trusted by this; only its digest and size are known afterwards. A download that was cut goes on
 * from where it was, in this job or, from a file that the sweep leaves alone, in a later one.
 */

import { createHash, type Hash } from 'node:crypto'
import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { formatSize } from '../../core/duration.ts'
import { AutoupError } from '../../core/errors.ts'
import type { Piece, Sink } from '../../core/source.ts'
import { dropPartials, openPartial, type PartialFile } from '../../store/partial-file.ts'
import type { Keeper } from './keeper.ts'

export type Delivered =
  | {
      readonly kind: 'artifact'
      readonly path: string
      readonly size: number
      readonly sha256: string
      /** It came in more than one piece, so it may be patched together of two files. */
      readonly isPieced: boolean
    }
  | { readonly kind: 'tree'; readonly path: string }

export interface Delivery {
  readonly sink: Sink
  /** What came, or null. */
  delivered(): Delivered | null
}

export interface DeliveryOptions {
  /** The job's own folder. */
  readonly folder: string
  /** Where what can be resumed is kept. */
  readonly partials: string
  /** Tells releases apart whose identity is the same by chance. */
  readonly source: string
  readonly maxBytes: number
  /** Bytes, where the source says so beforehand. */
  readonly size: number | null
  /** Of the same job. */
  readonly keeper: Keeper
  /** Hears the sum so far after each piece. */
  readonly onBytes: (bytes: number) => void
}

/** As often is a cut download taken up again in one job, as long as each time something came. */
const RESUMES = 20

export function newDelivery(options: DeliveryOptions): Delivery {
  let delivered: Delivered | null = null
  const once = () => {
    if (delivered !== null) throw new Error('a fetcher delivers once')
  }
  const sink: Sink = {
    async artifact(open, identity) {
      once()
      const partial = await openPartial(options, identity)
      try {
        const { sha256, isPieced } = await receive(partial, open, options)
        const path = join(options.folder, 'artifact')
        await rename(partial.path, path)
        delivered = { kind: 'artifact', path, size: partial.size, sha256, isPieced }
        await dropPartials(options.partials)
      } catch (error) {
        // On a full disk what came is the first that can go.
        if (isFinal(error)) await partial.discard()
        else await partial.giveBack()
        throw error
      } finally {
        await partial.close()
      }
    },
    async kept(kept) {
      once()
      const path = join(options.folder, 'artifact')
      await options.keeper.takeOver(kept, path)
      delivered = { kind: 'artifact', path, size: kept.size, sha256: kept.sha256, isPieced: false }
    },
    async tree(fill) {
      once()
      const path = join(options.folder, 'tree')
      await mkdir(path, { mode: 0o755 })
      await fill(path)
      delivered = { kind: 'tree', path }
    },
  }
  return { sink, delivered: () => delivered }
}

async function receive(
  partial: PartialFile,
  open: (from: number) => Promise<Piece>,
  options: DeliveryOptions,
): Promise<{ readonly sha256: string; readonly isPieced: boolean }> {
  for (let resumes = 0; ; resumes++) {
    const before = partial.size
    try {
      // Its last byte came, and then the connection broke, or the process that took it.
      const isWhole = before > 0 && before === options.size
      const { from, bytes } = isWhole ? { from: before, bytes: nothing() } : await open(before)
      const hash = await startAt(partial, from)
      await copy(partial, bytes, hash, options)
      return { sha256: hash.digest('hex'), isPieced: from > 0 }
    } catch (error) {
      const canGoOn = partial.isKept && partial.size > before && resumes < RESUMES
      if (!canGoOn || isFinal(error)) throw error
    }
  }
}

async function startAt(partial: PartialFile, from: number): Promise<Hash> {
  const hash = createHash('sha256')
  if (from !== 0 && from !== partial.size)
    throw new AutoupError('failed', `the source answers with bytes from ${from} on, and ${partial.size} are here`)
  if (from === 0) await partial.empty()
  else for await (const piece of partial.read()) hash.update(piece)
  return hash
}

async function copy(
  partial: PartialFile,
  bytes: AsyncIterable<Uint8Array>,
  hash: Hash,
  { maxBytes, onBytes }: DeliveryOptions,
): Promise<void> {
  for await (const piece of bytes) {
    if (partial.size + piece.length > maxBytes) {
      await partial.discard()
      throw new AutoupError(
        'failed',
        `the artifact is over ${formatSize(maxBytes)}, more than is taken: not downloaded`,
        { data: { isFinal: true } },
      )
    }
    // The write runs in a thread while this one hashes.
    const written = partial.append(piece)
    hash.update(piece)
    await written
    onBytes(partial.size)
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Not an accident of the network: the disk, or a bound. */
function isFinal(error: unknown): boolean {
  if (error instanceof AutoupError) return error.data.isFinal === true
  return (error as NodeJS.ErrnoException).syscall === 'write'
}
