/**
 * Unpacks a zip archive whose directory has passed (zip-directory.ts): entry by entry in the order of the file, each
 * counted, checked against its CRC, and to be used up to its last byte.
 */

import { closeSync, createReadStream, openSync, statSync } from 'node:fs'
import { pipeline, type Readable } from 'node:stream'
import { crc32, createInflateRaw } from 'node:zlib'
import { formatSize } from '../core/duration.ts'
import { messageOf } from '../core/errors.ts'
import { shown } from '../core/shown.ts'
import { PATH_LIMITS } from '../core/tree-path.ts'
import { isExecutableMode, READ_BYTES } from '../system/tree.ts'
import type { ArchiveLimits, Contents } from './archive.ts'
import { isZlibError } from './decompress.ts'
import { Refused } from './refused.ts'
import { TreeWriter } from './tree-writer.ts'
import { readDirectory, type ZipEntry } from './zip-directory.ts'

const PIECE_BYTES = READ_BYTES / 4

/** The kinds of file of inode(7). */
const S_IFMT = 0o170000
const S_IFREG = 0o100000
const S_IFDIR = 0o040000
const S_IFLNK = 0o120000

/** Throws Refused, or what the disk says. */
export async function unpackZip(archive: string, into: string, limits: ArchiveLimits): Promise<Contents> {
  const writer = new TreeWriter(into, limits)
  const fd = openSync(archive, 'r')
  try {
    const entries = await readDirectory(fd, limits)
    const size = entries.reduce((sum, entry) => sum + entry.size, 0)
    if (size > limits.treeBytes) throw new Refused(`is over ${formatSize(limits.treeBytes)} unpacked`)
    if (size > limits.ratioFromBytes && size > statSync(archive).size * limits.ratio) {
      throw new Refused(`unpacks to more than ${limits.ratio} times its size`)
    }
    for (const entry of entries) await unpackEntry(fd, entry, writer)
    await writer.done()
    return writer
  } finally {
    await writer.stop()
    closeSync(fd)
  }
}

async function unpackEntry(fd: number, entry: ZipEntry, writer: TreeWriter): Promise<void> {
  const { name, mode, size } = entry
  const what = `holds '${shown(name)}'`
  // Many tools write permissions alone: then the name tells a folder.
  const kind = (mode ?? 0) & S_IFMT || (name.endsWith('/') ? S_IFDIR : S_IFREG)
  if (name.endsWith('/') !== (kind === S_IFDIR)) {
    throw new Refused(`${what}, which is a folder by its ${name.endsWith('/') ? 'name' : 'mode'} alone`)
  }
  const path = writer.enter(name, kind === S_IFDIR)
  switch (kind) {
    case S_IFDIR:
      if (size > 0) throw new Refused(`${what}, a folder with bytes of its own`)
      if (path !== null) writer.folder(path)
      return
    case S_IFLNK:
      return writer.link(path ?? '', await targetOf(fd, entry))
    case S_IFREG:
      writer.begin(path ?? '', mode === null ? null : isExecutableMode(mode), size)
      for await (const piece of bytesOf(fd, entry)) {
        writer.append(piece)
        await writer.settle()
      }
      return writer.finish()
    default:
      throw new Refused(`${what} of a kind that a build must not have (mode ${(mode ?? 0).toString(8)})`)
  }
}

async function targetOf(fd: number, entry: ZipEntry): Promise<string> {
  if (entry.size > PATH_LIMITS.bytes) throw new Refused(`holds '${shown(entry.name)}', a link that is too long`)
  const pieces: Buffer[] = []
  for await (const piece of bytesOf(fd, entry)) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

/** The bytes of one entry, which are as many as announced and have the checksum announced when this ends. */
async function* bytesOf(fd: number, entry: ZipEntry): AsyncGenerator<Buffer> {
  const { name, packedSize, size, isDeflated, dataStart } = entry
  const what = `holds '${shown(name)}', which is damaged:`
  let bytes = 0
  let sum = 0
  if (packedSize > 0) {
    const options = {
      fd,
      autoClose: false,
      start: dataStart,
      end: dataStart + packedSize - 1,
      highWaterMark: PIECE_BYTES,
    }
    const packed = createReadStream('', options)
    const inflater = isDeflated ? createInflateRaw({ chunkSize: PIECE_BYTES }) : null
    // The loop that reads hears of errors; nothing else has to.
    const stream: Readable = inflater === null ? packed : pipeline(packed, inflater, () => undefined)
    try {
      for await (const piece of stream as AsyncIterable<Buffer>) {
        bytes += piece.length
        if (bytes > size) throw new Refused(`${what} it has more than the ${size} bytes announced`)
        sum = crc32(piece, sum)
        yield piece
      }
    } catch (error) {
      throw isZlibError(error) ? new Refused(`${what} ${messageOf(error)}`) : error
    }
    if (inflater !== null && inflater.bytesWritten !== packedSize) throw new Refused(`${what} bytes follow its end`)
  }
  if (bytes !== size) throw new Refused(`${what} it has ${bytes} bytes, and ${size} were announced`)
  if (sum !== entry.crc32) throw new Refused(`${what} its checksum (CRC-32) is another`)
}
