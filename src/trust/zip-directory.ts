/**
 * What a zip archive says it holds, believed only where it says so twice: the central directory, read by yauzl, must
 * fill its place to the last byte, each entry's own header must agree with it, no two entries may share a byte (that is
 * how a small file becomes petabytes), and nothing may stand before the first or behind the end record. Zip readers
 * differ in which of two stories they believe; here there is only one to be told. PKWARE's APPNOTE.TXT is the format.
 */

import { isUtf8 } from 'node:buffer'
import { fstatSync, readSync } from 'node:fs'
import { Readable } from 'node:stream'
import {
  type Entry,
  type ExtraField,
  fromRandomAccessReaderPromise,
  getFileNameLowLevel,
  type LocalFileHeader,
  parseExtraFields,
  RandomAccessReader,
  type ZipFile,
} from 'yauzl'
import { messageOf } from '../core/errors.ts'
import { shown } from '../core/shown.ts'
import type { ArchiveLimits } from './archive.ts'
import { Refused } from './refused.ts'

export interface ZipEntry {
  /** As it is written there; nobody has judged it. */
  readonly name: string
  readonly isDeflated: boolean
  readonly crc32: number
  readonly packedSize: number
  readonly size: number
  /** Of the file: where its header begins, and where its bytes do. */
  readonly start: number
  readonly dataStart: number
  /** st_mode of inode(7), or null where the archive was made on a system without. */
  readonly mode: number | null
}

const END_RECORD = { signature: 0x06054b50, bytes: 22 } as const
const ZIP64_END_RECORD = { signature: 0x06064b50, fixedBytes: 12, locatorBytes: 20 } as const
const ZIP64_EXTRA = 0x0001
const IN_ZIP64 = 0xffffffff

/** General purpose bits: encrypted, sizes behind the data, strong encryption, names in UTF-8, header encrypted. */
const FLAG = { encrypted: 0x0001, descriptor: 0x0008, strong: 0x0040, utf8: 0x0800, masked: 0x2000 } as const
const ENCRYPTIONS = FLAG.encrypted | FLAG.strong | FLAG.masked

/** For each character of a name, what else a central directory may hold about it. */
const DIRECTORY_BYTES_PER_NAME = 4

/** "Version made by": Unix and macOS keep a mode in the upper half of the external attributes. */
const SYSTEMS_WITH_MODES: ReadonlySet<number> = new Set([3, 19])

/** In the order of their places. Throws Refused, or what the disk says. */
export async function readDirectory(fd: number, limits: ArchiveLimits): Promise<ZipEntry[]> {
  const reader = new FileReader(fd)
  try {
    const zip = await fromRandomAccessReaderPromise(reader, reader.size, { autoClose: false, decodeStrings: false })
    return await read(zip, reader, limits)
  } catch (error) {
    if (error instanceof Refused || reader.failure !== null) throw reader.failure ?? error
    throw new Refused(`is damaged: ${messageOf(error)}`)
  }
}

async function read(zip: ZipFile, reader: FileReader, limits: ArchiveLimits): Promise<ZipEntry[]> {
  if (zip.entryCount > limits.entries) throw new Refused(`holds more than ${limits.entries} entries`)
  const directoryAt = cursorOf(zip)
  if (reader.size - directoryAt > limits.nameLength * DIRECTORY_BYTES_PER_NAME) {
    throw new Refused('has a table of contents that is too long')
  }
  const entries: ZipEntry[] = []
  for await (const entry of zip.eachEntry()) entries.push(await judge(zip, entry))
  const endAt = endRecordAt(zip, reader)
  if (directoryEnd(zip, reader) !== endAt) throw new Refused('has a table of contents that is longer than it says')
  entries.sort((a, b) => a.start - b.start)
  let free = 0
  for (const { name, start, dataStart, packedSize } of entries) {
    if (free === 0 && start !== 0) throw new Refused(`has ${start} bytes before its first entry`)
    if (start < free) throw new Refused(`holds '${shown(name)}', which overlaps another entry`)
    free = dataStart + packedSize
  }
  if (free > directoryAt) throw new Refused('has entries that overlap its table of contents')
  return entries
}

/** What the entry is, once its two headers agree. */
async function judge(zip: ZipFile, entry: Entry): Promise<ZipEntry> {
  const { compressionMethod: method, generalPurposeBitFlag: flags, compressedSize, uncompressedSize, crc32 } = entry
  // Many tools write UTF-8 and do not say so; what is none is CP437, as the format has it.
  const nameFlags = isUtf8(entry.fileNameRaw) ? flags | FLAG.utf8 : flags
  const name = getFileNameLowLevel(nameFlags, entry.fileNameRaw, entry.extraFields, true)
  const what = `holds '${shown(name)}', which`
  if ((flags & ENCRYPTIONS) !== 0) throw new Refused(`${what} is encrypted`)
  if (method !== 0 && method !== 8) throw new Refused(`${what} is packed by method ${method}, which is not understood`)
  if (name.includes('\\')) throw new Refused(`${what} has a backslash in its name`)
  const local = await zip.readLocalFileHeaderPromise(entry)
  const differs = differenceOf(entry, local)
  if (differs !== null) throw new Refused(`${what} has one ${differs} in the table of contents, and another on itself`)
  return {
    name,
    isDeflated: method === 8,
    crc32,
    packedSize: compressedSize,
    size: uncompressedSize,
    start: entry.relativeOffsetOfLocalHeader,
    dataStart: local.fileDataStart,
    mode: SYSTEMS_WITH_MODES.has(entry.versionMadeBy >> 8) ? entry.externalFileAttributes >>> 16 || null : null,
  }
}

/** What the two headers of an entry contradict each other in, or null. */
function differenceOf(entry: Entry, local: LocalFileHeader): string | null {
  if (!local.fileName.equals(entry.fileNameRaw)) return 'name'
  if (local.compressionMethod !== entry.compressionMethod) return 'method'
  const flags = local.generalPurposeBitFlag ^ entry.generalPurposeBitFlag
  if ((flags & (ENCRYPTIONS | FLAG.descriptor)) !== 0) return 'set of flags'
  const { size, packedSize } = sizesOf(local)
  const isLater = (local.generalPurposeBitFlag & FLAG.descriptor) !== 0
  const agrees = (one: number, other: number) => one === other || (isLater && one === 0)
  if (!agrees(local.crc32, entry.crc32)) return 'checksum'
  return agrees(size, entry.uncompressedSize) && agrees(packedSize, entry.compressedSize) ? null : 'size'
}

function sizesOf(local: LocalFileHeader): { readonly size: number; readonly packedSize: number } {
  const { uncompressedSize: size, compressedSize: packedSize } = local
  if (size !== IN_ZIP64 && packedSize !== IN_ZIP64) return { size, packedSize }
  const extra = parseExtraFields(local.extraField).find(({ id }: ExtraField) => id === ZIP64_EXTRA)
  let at = 0
  const next = (value: number) => {
    if (value !== IN_ZIP64 || extra === undefined || at + 8 > extra.data.length) return value
    at += 8
    return Number(extra.data.readBigUInt64LE(at - 8))
  }
  return { size: next(size), packedSize: next(packedSize) }
}

/** yauzl has found it by going back from the end, past a comment whose length fits. */
function endRecordAt({ comment }: ZipFile, { size }: FileReader): number {
  return size - END_RECORD.bytes - comment.length
}

/** An offset in the file; the types of yauzl call it a boolean. */
function cursorOf(zip: ZipFile): number {
  return Number(zip.readEntryCursor)
}

/** Where the end record must stand, by where the last entry of the directory ended. */
function directoryEnd(zip: ZipFile, reader: FileReader): number {
  const at = cursorOf(zip)
  if (reader.bytes(at, 4).readUInt32LE(0) !== ZIP64_END_RECORD.signature) return at
  const length = Number(reader.bytes(at + 4, 8).readBigUInt64LE(0))
  return at + ZIP64_END_RECORD.fixedBytes + length + ZIP64_END_RECORD.locatorBytes
}

/** Reads at once: no callback of yauzl's can be left with an exception, and no offset is believed. */
class FileReader extends RandomAccessReader {
  readonly size: number
  /** What the disk said, to be told from what the archive is. */
  failure: unknown = null
  private readonly fd: number

  constructor(fd: number) {
    super()
    this.fd = fd
    this.size = fstatSync(fd).size
  }

  /** Throws where they are not all there. */
  bytes(position: number, length: number): Buffer {
    const buffer = Buffer.alloc(length)
    this.fill(buffer, position)
    return buffer
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytes?: number) => void,
  ): void {
    let problem: Error | null = null
    try {
      this.fill(buffer.subarray(offset, offset + length), position)
    } catch (error) {
      problem = error as Error
    }
    callback(problem, length)
  }

  override _readStreamForRange(): Readable {
    return Readable.from([])
  }

  private fill(buffer: Buffer, position: number): void {
    if (position < 0 || position + buffer.length > this.size)
      throw new Refused('is damaged: it points outside of itself')
    try {
      if (readSync(this.fd, buffer, 0, buffer.length, position) === buffer.length) return
    } catch (error) {
      this.failure = error
      throw error
    }
    throw new Refused('is cut off')
  }
}
