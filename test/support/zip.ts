/** A zip of exactly the entries asked for, with every field open to lies: tools would write none of these. */

import { crc32, deflateRawSync } from 'node:zlib'

export interface ZipEntry {
  path: string | Buffer
  data?: string | Buffer
  /** st_mode; null: made on a system without. */
  mode?: number | null
  /** Default: deflated. */
  isStored?: boolean
  flags?: number
  /** Said of it instead of the truth, in both headers or in one. */
  both?: Partial<Fields>
  local?: Partial<Fields> & { name?: string }
  central?: Partial<Fields> & { offset?: number; name?: string }
  /** The packed bytes themselves. */
  packed?: Buffer
  /** After the packed bytes. */
  behind?: Buffer
}

interface Fields {
  method: number
  flags: number
  crc: number
  packedSize: number
  size: number
  extra: Buffer
}

export interface ZipOptions {
  before?: Buffer
  after?: Buffer
  comment?: string
  /** Said by the end record instead of the truth. */
  count?: number
  directoryAt?: number
  /** Between the directory and the end record. */
  behindDirectory?: Buffer
  isZip64?: boolean
}

export function zip(entries: readonly ZipEntry[], options: ZipOptions = {}): Buffer {
  const pieces: Buffer[] = options.before ? [options.before] : []
  const directory: Buffer[] = []
  let at = options.before?.length ?? 0
  for (const entry of entries) {
    const name = Buffer.from(entry.path as string)
    const data = Buffer.from((entry.data ?? '') as string)
    const packed = entry.packed ?? (entry.isStored ? data : deflateRawSync(data))
    const truth: Fields = {
      method: entry.isStored ? 0 : 8,
      flags: entry.flags ?? 0x0800,
      crc: crc32(data),
      packedSize: packed.length,
      size: data.length,
      extra: Buffer.alloc(0),
      ...entry.both,
    }
    const localName = entry.local?.name === undefined ? name : Buffer.from(entry.local.name)
    const local = { ...truth, ...entry.local }
    const header = Buffer.alloc(30)
    header.writeUInt32LE(0x04034b50, 0)
    header.writeUInt16LE(20, 4)
    writeCommon(header, local, 6)
    header.writeUInt16LE(localName.length, 26)
    header.writeUInt16LE(local.extra.length, 28)
    directory.push(centralOf(entry, { ...truth, ...entry.central }, name, entry.central?.offset ?? at))
    const written = [header, localName, local.extra, packed, entry.behind ?? Buffer.alloc(0)]
    pieces.push(...written)
    at += written.reduce((sum, { length }) => sum + length, 0)
  }
  return Buffer.concat([...pieces, ...end(Buffer.concat(directory), at, entries.length, options)])
}

function writeCommon(header: Buffer, { flags, method, crc, packedSize, size }: Fields, at: number): void {
  header.writeUInt16LE(flags, at)
  header.writeUInt16LE(method, at + 2)
  header.writeUInt32LE(crc, at + 8)
  header.writeUInt32LE(packedSize, at + 12)
  header.writeUInt32LE(size, at + 16)
}

function centralOf({ mode = 0o100644, central }: ZipEntry, fields: Fields, name: Buffer, offset: number): Buffer {
  const called = central?.name === undefined ? name : Buffer.from(central.name)
  const header = Buffer.alloc(46)
  header.writeUInt32LE(0x02014b50, 0)
  header.writeUInt16LE(mode === null ? 20 : (3 << 8) | 20, 4)
  header.writeUInt16LE(20, 6)
  writeCommon(header, fields, 8)
  header.writeUInt16LE(called.length, 28)
  header.writeUInt16LE(fields.extra.length, 30)
  header.writeUInt32LE(((mode ?? 0) << 16) >>> 0, 38)
  header.writeUInt32LE(offset, 42)
  return Buffer.concat([header, called, fields.extra])
}

function end(directory: Buffer, at: number, entries: number, options: ZipOptions): Buffer[] {
  const { comment = '', after, behindDirectory = Buffer.alloc(0), isZip64 = false } = options
  const count = options.count ?? entries
  const directoryAt = options.directoryAt ?? at
  const record = Buffer.alloc(22)
  record.writeUInt32LE(0x06054b50, 0)
  record.writeUInt16LE(isZip64 ? 0xffff : count, 8)
  record.writeUInt16LE(isZip64 ? 0xffff : count, 10)
  record.writeUInt32LE(isZip64 ? 0xffffffff : directory.length, 12)
  record.writeUInt32LE(isZip64 ? 0xffffffff : directoryAt, 16)
  record.writeUInt16LE(comment.length, 20)
  const zip64: Buffer[] = []
  if (isZip64) {
    const large = Buffer.alloc(56)
    large.writeUInt32LE(0x06064b50, 0)
    large.writeBigUInt64LE(44n, 4)
    large.writeBigUInt64LE(BigInt(count), 24)
    large.writeBigUInt64LE(BigInt(count), 32)
    large.writeBigUInt64LE(BigInt(directory.length), 40)
    large.writeBigUInt64LE(BigInt(directoryAt), 48)
    const locator = Buffer.alloc(20)
    locator.writeUInt32LE(0x07064b50, 0)
    locator.writeBigUInt64LE(BigInt(at + directory.length + behindDirectory.length), 8)
    locator.writeUInt32LE(1, 16)
    zip64.push(large, locator)
  }
  return [directory, behindDirectory, ...zip64, record, Buffer.from(comment), after ?? Buffer.alloc(0)]
}
