/**
 * As much of elf(5) as tells a whole program for this machine from a damaged or a foreign one: header, program headers
 * and section headers, each with what it points to inside the file. Nothing is executed and nothing is trusted: every
 * offset is checked against the size of the file before it is read.
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

export interface Elf {
  readonly bits: 32 | 64
  readonly isLittleEndian: boolean
  /** e_machine. */
  readonly machine: number
  readonly type: 'executable' | 'shared' | 'other'
  /** The loader it asks for (PT_INTERP), or null: static, or a library. */
  readonly interpreter: string | null
  /** Whether it says where to begin; a library does not. */
  readonly hasEntry: boolean
}

const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46])
const PT_LOAD = 1
const PT_INTERP = 3
const SHT_NULL = 0
const SHT_NOBITS = 8
/** PN_XNUM: the real number does not fit, which no program needs. */
const TOO_MANY = 0xffff
/** PATH_MAX. */
const INTERPRETER_MAX = 4_096

export function isElf(head: Uint8Array): boolean {
  return MAGIC.equals(head.subarray(0, 4))
}

/** The facts, or what is wrong with the file, as a sentence's end. Throws only what the system says. */
export function readElf(path: string): Elf | { readonly problem: string } {
  const fd = openSync(path, 'r')
  try {
    return new Reader(fd, fstatSync(fd).size).read()
  } catch (error) {
    if (error instanceof Damage) return { problem: error.message }
    throw error
  } finally {
    closeSync(fd)
  }
}

/** Stays inside this file. */
class Damage extends Error {}

class Reader {
  private readonly fd: number
  private readonly size: number
  private is64 = true
  private isLittle = true

  constructor(fd: number, size: number) {
    this.fd = fd
    this.size = size
  }

  read(): Elf {
    const ident = this.bytes(0, 16, 'its header')
    if (!isElf(ident)) throw new Damage('is no ELF file')
    const [bits, order] = [ident[4], ident[5]]
    if ((bits !== 1 && bits !== 2) || (order !== 1 && order !== 2) || ident[6] !== 1) {
      throw new Damage('is a damaged ELF file: its header makes no sense')
    }
    this.is64 = bits === 2
    this.isLittle = order === 1
    const header = this.bytes(0, this.is64 ? 64 : 52, 'its header')
    const type = this.u16(header, 16)
    const interpreter = this.programHeaders(header)
    this.sectionHeaders(header)
    return {
      bits: this.is64 ? 64 : 32,
      isLittleEndian: this.isLittle,
      machine: this.u16(header, 18),
      type: type === 2 ? 'executable' : type === 3 ? 'shared' : 'other',
      interpreter,
      hasEntry: this.word(header, 24) !== 0,
    }
  }

  /** Gives the interpreter. Every segment that is loaded must be there. */
  private programHeaders(header: Buffer): string | null {
    const offset = this.word(header, this.is64 ? 32 : 28)
    const entrySize = this.u16(header, this.is64 ? 54 : 42)
    const count = this.u16(header, this.is64 ? 56 : 44)
    if (count === 0) return null
    if (count === TOO_MANY || entrySize !== (this.is64 ? 56 : 32)) {
      throw new Damage('is a damaged ELF file: its program headers make no sense')
    }
    const table = this.bytes(offset, count * entrySize, 'its program headers')
    let interpreter: string | null = null
    for (let at = 0; at < table.length; at += entrySize) {
      const type = this.u32(table, at)
      const start = this.word(table, at + (this.is64 ? 8 : 4))
      const length = this.word(table, at + (this.is64 ? 32 : 16))
      if (type === PT_LOAD) this.mustHold(start, length, 'a part of the program')
      if (type === PT_INTERP) interpreter = this.interpreterAt(start, length)
    }
    return interpreter
  }

  private interpreterAt(start: number, length: number): string {
    if (length < 2 || length > INTERPRETER_MAX) throw new Damage('is a damaged ELF file: its loader has no name')
    const text = this.bytes(start, length, 'the name of its loader').toString('latin1')
    if (!/^[^\p{Cc}]+\0$/u.test(text)) throw new Damage('is a damaged ELF file: the name of its loader makes no sense')
    return text.slice(0, -1)
  }

  /** Mostly the last thing in the file, so this is what finds a download that was cut off. */
  private sectionHeaders(header: Buffer): void {
    const offset = this.word(header, this.is64 ? 40 : 32)
    const entrySize = this.u16(header, this.is64 ? 58 : 46)
    const count = this.u16(header, this.is64 ? 60 : 48)
    if (offset === 0) return
    if (entrySize !== (this.is64 ? 64 : 40)) {
      throw new Damage('is a damaged ELF file: its section headers make no sense')
    }
    // No count here means that the first section holds it; that one must be there then.
    const table = this.bytes(offset, Math.max(1, count) * entrySize, 'its section headers')
    for (let at = 0; at < table.length; at += entrySize) {
      const type = this.u32(table, at + 4)
      if (type === SHT_NULL || type === SHT_NOBITS) continue
      this.mustHold(
        this.word(table, at + (this.is64 ? 24 : 16)),
        this.word(table, at + (this.is64 ? 32 : 20)),
        'a section',
      )
    }
  }

  private mustHold(start: number, length: number, what: string): void {
    if (start + length > this.size) throw new Damage(`is a truncated ELF file: it ends before ${what}`)
  }

  private bytes(start: number, length: number, what: string): Buffer {
    this.mustHold(start, length, what)
    const buffer = Buffer.alloc(length)
    if (readSync(this.fd, buffer, 0, length, start) !== length) {
      throw new Damage(`is a truncated ELF file: it ends before ${what}`)
    }
    return buffer
  }

  private u16(bytes: Buffer, at: number): number {
    return this.isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at)
  }

  private u32(bytes: Buffer, at: number): number {
    return this.isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
  }

  /** An offset, address or size. Beyond 2^53 it loses digits, and is outside every file anyway. */
  private word(bytes: Buffer, at: number): number {
    if (!this.is64) return this.u32(bytes, at)
    return Number(this.isLittle ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at))
  }
}
