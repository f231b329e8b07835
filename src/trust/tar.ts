/**
 * The reading side of tar, over the parser of node-tar: every entry is judged before anything of it is written, and
 * the files are written here, so that no extractor can be talked into following a link. Writing is synchronous: the
 * stager does nothing else, and an error then can stop the parser between two calls instead of inside one of its own.
 * The first thing that is wrong ends it all.
 */

import { createHash, type Hash } from 'node:crypto'
import { closeSync, createReadStream, mkdirSync, openSync, readSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { Parser, type ReadEntry } from 'tar'
import { formatSize } from '../core/duration.ts'
import { messageOf } from '../core/errors.ts'
import { cleanPath, type TreeNode } from '../core/tree-path.ts'
import { isExecutableMode, READ_BYTES } from '../system/tree.ts'
import type { ArchiveLimits, Contents, Refusal } from './archive.ts'

export async function unpackTar(
  archive: string,
  isGzip: boolean,
  into: string,
  limits: ArchiveLimits,
): Promise<Contents | Refusal> {
  const tar = new TarReader(into, limits, isGzip ? statSync(archive).size : null)
  try {
    for await (const chunk of open(archive, isGzip)) if (!tar.take(chunk as Buffer)) break
    tar.end()
  } catch (error) {
    if (!isZlibError(error)) throw error
    return { problem: `is damaged: ${messageOf(error)}` }
  } finally {
    tar.close()
  }
  return tar.problem === null ? { nodes: tar.nodes, digests: tar.digests } : { problem: tar.problem }
}

function open(archive: string, isGzip: boolean): Readable {
  const file = createReadStream(archive, { highWaterMark: READ_BYTES })
  if (!isGzip) return file
  const gunzip = createGunzip({ chunkSize: READ_BYTES / 4 })
  // The loop that reads hears of errors; nothing else has to.
  return pipeline(file, gunzip, () => undefined)
}

class TarReader {
  readonly nodes: Map<string, TreeNode> = new Map()
  readonly digests: Map<string, string> = new Map()
  /** The first thing that is wrong with the archive. */
  problem: string | null = null
  private readonly into: string
  private readonly limits: ArchiveLimits
  private readonly packedBytes: number | null
  private readonly parser: Parser
  /** What the disk said, to be thrown outside of the parser. */
  private failure: unknown = null
  private bytes = 0
  private entries = 0
  private written = 0
  private hasEnd = false
  private fd: number | null = null

  constructor(into: string, limits: ArchiveLimits, packedBytes: number | null) {
    this.into = into
    this.limits = limits
    this.packedBytes = packedBytes
    this.parser = new Parser({ strict: true, brotli: false, zstd: false })
    this.parser.on('error', (error: unknown) => this.refuse(`is damaged: ${messageOf(error)}`))
    this.parser.on('ignoredEntry', (entry: ReadEntry) =>
      this.refuse(`holds '${shown(entry.path)}' of a kind that a build must not have (${shown(entry.type)})`),
    )
    this.parser.on('entry', (entry: ReadEntry) => this.guard(entry))
    for (const end of ['nullBlock', 'eof']) this.parser.on(end, () => (this.hasEnd = true))
  }

  /** False when there is nothing more to read for. */
  take(chunk: Buffer): boolean {
    if (this.bytes === 0 && chunk[0] === 0x1f && chunk[1] === 0x8b) this.refuse('is packed twice')
    this.bytes += chunk.length
    const { ratio, ratioFromBytes, treeBytes } = this.limits
    if (this.packedBytes !== null && this.bytes > ratioFromBytes && this.bytes > this.packedBytes * ratio) {
      this.refuse(`unpacks to more than ${ratio} times its size`)
    }
    // Headers and padding come to at most 1 KiB for each entry, beside names.
    if (this.bytes > treeBytes + this.limits.entries * 4_096) this.refuse(`is over ${formatSize(treeBytes)} unpacked`)
    if (this.problem === null) this.parser.write(chunk)
    if (this.failure !== null) throw this.failure
    return this.problem === null
  }

  end(): void {
    if (this.problem !== null) return
    this.parser.end()
    if (this.failure !== null) throw this.failure
    if (!this.hasEnd) this.refuse('is cut off: the end mark is missing')
  }

  close(): void {
    if (this.fd !== null) closeSync(this.fd)
    this.fd = null
  }

  private refuse(problem: string): void {
    this.problem ??= problem
  }

  /** Nothing may be thrown into the parser. */
  private guard(entry: ReadEntry): void {
    try {
      if (this.problem === null && this.failure === null) this.add(entry)
    } catch (error) {
      this.failure ??= error
    }
    entry.resume()
  }

  private add(entry: ReadEntry): void {
    const name = shown(entry.path)
    if (++this.entries > this.limits.entries) return this.refuse(`holds more than ${this.limits.entries} entries`)
    const clean = cleanPath(entry.path)
    if ('problem' in clean) return this.refuse(`holds '${name}', whose name ${clean.problem}`)
    const { path } = clean
    if (/(?:^|\/)GNUSparseFile\.\d+\//.test(path)) return this.refuse(`holds '${name}', a sparse file`)
    const isFolder = entry.type === 'Directory'
    if (path === '') return isFolder ? undefined : this.refuse('holds an entry without a name')
    if (!this.makeParents(path)) return this.refuse(`holds '${name}', which lies inside something that is no folder`)
    const before = this.nodes.get(path)
    if (isFolder && before === 'directory') return
    if (before !== undefined) return this.refuse(`holds '${name}' twice`)
    switch (entry.type) {
      case 'Directory':
        return this.makeFolder(path)
      case 'File':
      case 'OldFile':
      case 'ContiguousFile':
        return this.writeFile(path, entry)
      case 'SymbolicLink':
        this.nodes.set(path, { target: entry.linkpath ?? '' })
        return
      case 'Link':
        return this.copyFile(path, entry)
      default:
        return this.refuse(`holds '${name}' of a kind that a build must not have (${shown(entry.type)})`)
    }
  }

  /** False where a part of the path is taken by a file or a link. */
  private makeParents(path: string): boolean {
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
      const folder = path.slice(0, slash)
      const node = this.nodes.get(folder)
      if (node === undefined) this.makeFolder(folder)
      else if (node !== 'directory') return false
    }
    return true
  }

  private makeFolder(path: string): void {
    mkdirSync(join(this.into, path), { mode: 0o700 })
    this.nodes.set(path, 'directory')
  }

  private writeFile(path: string, entry: ReadEntry): void {
    this.written += entry.size
    if (this.written > this.limits.treeBytes) {
      return this.refuse(`is over ${formatSize(this.limits.treeBytes)} unpacked`)
    }
    const fd = this.create(path, isExecutableMode(entry.mode ?? 0))
    const hash = createHash('sha256')
    entry.on('data', (chunk: Buffer) => {
      try {
        if (this.failure === null) this.append(fd, hash, chunk)
      } catch (error) {
        this.failure ??= error
      }
    })
    entry.on('end', () => this.finish(path, hash))
  }

  /** A hard link to an earlier file becomes a file of its own. */
  private copyFile(path: string, entry: ReadEntry): void {
    const clean = cleanPath(entry.linkpath ?? '')
    const from = 'path' in clean ? clean.path : ''
    if (this.nodes.get(from) !== 'file') {
      return this.refuse(`holds the hard link '${shown(path)}' to '${shown(entry.linkpath)}', which is no file of it`)
    }
    const source = openSync(join(this.into, from), 'r')
    try {
      const stats = statSync(join(this.into, from))
      this.written += stats.size
      if (this.written > this.limits.treeBytes) {
        return this.refuse(`is over ${formatSize(this.limits.treeBytes)} unpacked`)
      }
      const fd = this.create(path, isExecutableMode(stats.mode))
      const hash = createHash('sha256')
      const buffer = Buffer.allocUnsafe(READ_BYTES / 4)
      for (let length = readSync(source, buffer); length > 0; length = readSync(source, buffer)) {
        this.append(fd, hash, buffer.subarray(0, length))
      }
      this.finish(path, hash)
    } finally {
      closeSync(source)
    }
  }

  private create(path: string, executable: boolean): number {
    this.close()
    // O_EXCL: nothing that is there already is ever opened, least of all a link.
    this.fd = openSync(join(this.into, path), 'wx', executable ? 0o700 : 0o600)
    this.nodes.set(path, 'file')
    return this.fd
  }

  private append(fd: number, hash: Hash, chunk: Buffer): void {
    hash.update(chunk)
    for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at)
  }

  private finish(path: string, hash: Hash): void {
    this.digests.set(path, hash.digest('hex'))
    this.close()
  }
}

/** Z_DATA_ERROR, Z_BUF_ERROR and their like. */
function isZlibError(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && code.startsWith('Z_')
}

function shown(text: unknown): string {
  return String(text)
    .slice(0, 200)
    .replace(/[\p{Cc}\uFFFD]/gu, '?')
}
