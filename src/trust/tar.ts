/**
 * The reading side of tar, over the parser of node-tar. Every entry is judged before anything of it is written, and
 * nothing may be thrown into the parser: what is wrong is kept, and ends the loop between two of its calls. The first
 * thing that is wrong ends it all. After the end mark, which must be there, only zeros may follow.
 */

import { Parser, type ReadEntry } from 'tar'
import { formatSize } from '../core/duration.ts'
import { messageOf } from '../core/errors.ts'
import { shown } from '../core/shown.ts'
import { isExecutableMode } from '../system/tree.ts'
import type { ArchiveLimits, Contents } from './archive.ts'
import { Refused } from './refused.ts'
import { TreeWriter } from './tree-writer.ts'

/** Headers and padding come to less than this for each entry, beside its bytes. */
const ENTRY_OVERHEAD = 4_096

const BLOCK_BYTES = 512
const ZEROS = Buffer.alloc(4_096)

/** Throws Refused, or what the disk says. */
export async function unpackTar(bytes: AsyncIterable<Buffer>, into: string, limits: ArchiveLimits): Promise<Contents> {
  const tar = new TarReader(into, limits)
  try {
    for await (const chunk of bytes) {
      tar.take(chunk)
      await tar.writer.settle()
    }
    tar.end()
    await tar.writer.done()
    return tar.writer
  } finally {
    await tar.writer.stop()
  }
}

class TarReader {
  readonly writer: TreeWriter
  private readonly limits: ArchiveLimits
  private readonly parser: Parser
  /** The first thing that is wrong, or what the disk said: thrown outside of the parser. */
  private failure: unknown = null
  private bytes = 0
  private metas = 0
  /** One block of zeros has come, or a second one. */
  private hasEnd = false
  private isOver = false

  constructor(into: string, limits: ArchiveLimits) {
    this.writer = new TreeWriter(into, limits)
    this.limits = limits
    this.parser = new Parser({ strict: true, brotli: false, zstd: false })
    this.parser.on('error', (error: unknown) => this.fail(new Refused(`is damaged: ${messageOf(error)}`)))
    this.parser.on('ignoredEntry', (entry: ReadEntry) => this.fail(ofWrongKind(entry)))
    this.parser.on('entry', (entry: ReadEntry) => this.guard(entry))
    this.parser.on('meta', () => this.countMeta())
    this.parser.on('nullBlock', () => {
      this.hasEnd = true
    })
    this.parser.on('eof', () => {
      this.hasEnd = true
      this.isOver = true
    })
  }

  /** The chunk may be used again when this has returned and the writer has settled. */
  take(given: Buffer): void {
    // What is left of a block is kept by the parser as it is.
    const chunk = (this.bytes + given.length) % BLOCK_BYTES === 0 ? given : Buffer.from(given)
    if (this.bytes === 0 && chunk[0] === 0x1f && chunk[1] === 0x8b) throw new Refused('is packed twice')
    const start = this.bytes
    this.bytes += chunk.length
    const { treeBytes, entries } = this.limits
    if (this.bytes > treeBytes + entries * ENTRY_OVERHEAD) {
      throw new Refused(`is over ${formatSize(treeBytes)} unpacked`)
    }
    // The parser reads no further than two blocks of zeros, and keeps whatever else it is given: that is not for it.
    const zerosAt = this.isOver ? contentEnd(chunk, 0) : contentEnd(chunk, start)
    if (!this.isOver) this.feed(chunk.subarray(0, zerosAt))
    if (this.isOver && zerosAt > 0) throw new Refused('goes on after its end mark')
    if (!this.isOver) this.feed(chunk.subarray(zerosAt))
  }

  end(): void {
    this.parser.end()
    if (this.failure !== null) throw this.failure
    if (!this.hasEnd) throw new Refused('is cut off: the end mark is missing')
  }

  private feed(bytes: Buffer): void {
    if (bytes.length > 0) this.parser.write(bytes)
    if (this.failure !== null) throw this.failure
  }

  private fail(error: unknown): void {
    this.failure ??= error
  }

  private guard(entry: ReadEntry): void {
    try {
      if (this.failure === null) this.add(entry)
    } catch (error) {
      this.fail(error)
    }
    entry.resume()
  }

  /** Headers that say something about an entry, and may come without one. */
  private countMeta(): void {
    // Each entry may have a long name, a long link name and one of pax.
    if (++this.metas > this.limits.entries * 3) this.fail(new Refused(`holds more than ${this.limits.entries} entries`))
    if (this.hasEnd) this.fail(new Refused('goes on after its end mark'))
  }

  private add(entry: ReadEntry): void {
    const { writer } = this
    if (this.hasEnd) throw new Refused('goes on after its end mark')
    if (/(?:^|\/)GNUSparseFile\.\d+\//.test(entry.path)) {
      throw new Refused(`holds '${shown(entry.path)}', a sparse file`)
    }
    const path = writer.enter(entry.path, entry.type === 'Directory')
    if (path === null) return
    switch (entry.type) {
      case 'Directory':
        return writer.folder(path)
      case 'File':
      case 'OldFile':
      case 'ContiguousFile':
        return this.writeFile(path, entry)
      case 'SymbolicLink':
        return writer.link(path, entry.linkpath ?? '')
      case 'Link':
        return writer.copy(path, entry.linkpath ?? '')
      default:
        throw ofWrongKind(entry)
    }
  }

  private writeFile(path: string, entry: ReadEntry): void {
    this.writer.begin(path, isExecutableMode(entry.mode ?? 0), entry.size)
    entry.on('data', (chunk: Buffer) => this.unlessFailed(() => this.writer.append(chunk)))
    entry.on('end', () => this.unlessFailed(() => this.writer.finish()))
  }

  private unlessFailed(work: () => void): void {
    try {
      if (this.failure === null) work()
    } catch (error) {
      this.fail(error)
    }
  }
}

/** Where in `chunk`, which begins at `start` of the archive, the last block ends that is not all zeros. */
function contentEnd(chunk: Buffer, start: number): number {
  let end = chunk.length
  while (end >= ZEROS.length && chunk.subarray(end - ZEROS.length, end).equals(ZEROS)) end -= ZEROS.length
  while (end > 0 && chunk[end - 1] === 0) end--
  if (end === 0) return 0
  return Math.min(chunk.length, Math.ceil((start + end) / BLOCK_BYTES) * BLOCK_BYTES - start)
}

function ofWrongKind({ path, type }: ReadEntry): Refused {
  return new Refused(`holds '${shown(path)}' of a kind that a build must not have (${shown(String(type))})`)
}
