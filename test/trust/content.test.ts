import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { checkProgram, checkTree } from '../../src/trust/content.ts'
import { readElf } from '../../src/trust/elf.ts'
import { temporaryFolder } from '../support/stores.ts'

let folder: string
let elf: Buffer

beforeEach(async () => {
  folder = await temporaryFolder()
  elf = await readFile('/bin/true')
})

/** A program of these bytes, and what is said of it. */
async function check(bytes: Uint8Array | string, searchPath = '/usr/bin:/bin'): Promise<string | null> {
  const path = join(folder, 'app')
  await writeFile(path, bytes, { mode: 0o755 })
  return checkProgram(path, searchPath)
}

function patched(at: number, ...bytes: number[]): Buffer {
  const copy = Buffer.from(elf)
  copy.set(bytes, at)
  return copy
}

/** Where the 64-bit headers keep the section table, e_shoff of elf(5). */
const sectionTable = () => Number(elf.readBigUInt64LE(40))

describe('an ELF program', () => {
  test('of this machine passes', async () => {
    expect(await check(elf)).toBeNull()
    expect(checkProgram(process.execPath)).toBeNull()
  })

  test.each([1, 16, 63, 64, 200, 4_096])('of which only %d bytes came is refused', async (length) => {
    expect(await check(elf.subarray(0, length))).toMatch(/truncated|neither|text/)
  })

  test('that lacks one byte is refused', async () => {
    expect(await check(elf.subarray(0, -1))).toBe('is a truncated ELF file: it ends before its section headers')
  })

  test('that was cut in the middle is refused', async () => {
    expect(await check(elf.subarray(0, elf.length / 2))).toMatch(/^is a truncated ELF file/)
  })

  test('whose section headers come first, and that was cut behind them, is refused', async () => {
    // As Go's linker places them.
    const table = elf.subarray(sectionTable())
    const moved = Buffer.concat([elf.subarray(0, sectionTable()), Buffer.alloc(1 << 20), table])
    moved.writeBigUInt64LE(BigInt(moved.length - table.length), 40)
    expect(await check(moved)).toBeNull()
    // The last section but one then lies behind the end.
    const at = moved.length - table.length + 64 * (elf.readUInt16LE(60) - 1)
    moved.writeBigUInt64LE(BigInt(moved.length), at + 24)
    expect(await check(moved)).toBe('is a truncated ELF file: it ends before a section')
  })

  test.each([
    ['ARM64', 0xb7],
    ['32-bit x86', 3],
    ['RISC-V', 243],
  ])('for %s is refused by that name', async (name, machine) => {
    expect(await check(patched(18, machine, 0))).toBe(`is for ${name} (64 bit), and this is ${process.arch}`)
  })

  test.each([
    ['class', 4, 3],
    ['byte order', 5, 7],
    ['version', 6, 0],
    ['size of a program header', 54, 1],
    ['size of a section header', 58, 1],
  ])('with a damaged %s is refused', async (_, at, value) => {
    expect(await check(patched(at, value))).toMatch(/damaged/)
  })

  test('in the other byte order is refused', async () => {
    expect(await check(patched(5, 2))).not.toBeNull()
  })

  test('that is an object file is refused', async () => {
    expect(await check(patched(16, 1, 0))).toBe('is an ELF file, but no program')
  })

  test('for another libc is refused with the name of its loader', async () => {
    const copy = Buffer.from(elf)
    const facts = readElf('/bin/true')
    if ('problem' in facts || facts.interpreter === null) throw new Error('no interpreter')
    const loader = '/lib/ld-musl-x86_64.so.1\0'.padEnd(facts.interpreter.length + 1, '\0')
    copy.write(loader, copy.indexOf(facts.interpreter), 'latin1')
    const name = loader.replace(/\0+$/, '')
    // The name is shorter than its room, so zeros follow it.
    copy.writeBigUInt64LE(BigInt(name.length + 1), interpreterHeader(copy) + 32)
    expect(await check(copy)).toBe(
      `needs the loader ${name}, which is not here: it is built for another libc or system`,
    )
  })

  test('never makes the check throw, whatever is done to its header', async () => {
    const path = join(folder, 'app')
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 12 }), async (changes) => {
        const copy = Buffer.from(elf)
        for (const [at, value] of changes) copy[at] = value
        await writeFile(path, copy)
        expect(checkProgram(path)).toSatisfy((said) => said === null || typeof said === 'string')
      }),
      { numRuns: 200 },
    )
  })
})

/** Offset of the PT_INTERP header. */
function interpreterHeader(bytes: Buffer): number {
  const start = Number(bytes.readBigUInt64LE(32))
  for (let at = start; at < start + 56 * bytes.readUInt16LE(56); at += 56) if (bytes.readUInt32LE(at) === 3) return at
  throw new Error('no PT_INTERP')
}

describe('a script', () => {
  test.each([
    '#!/bin/sh\necho hello\n',
    '#! /bin/sh -e\n',
    '#!/bin/sh',
    '#!/usr/bin/env sh\n',
    '#!/usr/bin/env -S FOO=1 sh -e\n',
  ])('%j passes', async (text) => {
    expect(await check(text)).toBeNull()
  })

  test.each([
    ['#!/no/such/python3\n', /needs \/no\/such\/python3 \(its #! line\)/],
    ['#!/etc/passwd\n', /not here or not executable/],
    ['#!/usr/bin\n', /not here or not executable/],
    ['#!/usr/bin/env no-such-program\n', /needs 'no-such-program'.*not in PATH/],
    ['#!/bin/sh\r\n', /Windows/],
    ['#!sh\n', /no absolute path/],
    ['#!\n', /names no program/],
    [`#!/${'x'.repeat(300)}\n`, /256 bytes/],
  ])('%j is refused', async (text, why) => {
    expect(await check(text)).toMatch(why)
  })

  test('is looked up in the PATH of the worker', async () => {
    const bin = join(folder, 'bin')
    await mkdir(bin)
    await writeFile(join(bin, 'mine'), '#!/bin/sh\n', { mode: 0o755 })
    expect(await check('#!/usr/bin/env mine\n', bin)).toBeNull()
    await chmod(join(bin, 'mine'), 0o644)
    expect(await check('#!/usr/bin/env mine\n', bin)).toMatch(/not in PATH/)
  })
})

describe('what is no program', () => {
  test.each([
    ['', 'is empty'],
    ['hello, world\n', 'is text without a #! line'],
    ['grüße\n'.repeat(200), 'is text without a #! line'],
    ['<!DOCTYPE html><html>Not Found</html>', 'is a web page, not a program'],
    ['\u0000\u0001\u0002garbage', 'is neither an ELF program nor a script'],
    ['\uFEFF#!/bin/sh\n', 'is text without a #! line'],
  ])('%j is refused', async (text, why) => {
    expect(await check(text)).toBe(why)
  })

  test('is called by the format that it is in', async () => {
    expect(await check(Buffer.from([0x1f, 0x8b, 8, 0, 0]))).toBe('is gzip data, not a program')
    expect(await check('PK\u0003\u0004rest')).toBe('is zip data, not a program')
  })
})

describe('a tree', () => {
  beforeEach(async () => {
    await writeFile(join(folder, 'app'), '#!/bin/sh\n', { mode: 0o755 })
    await writeFile(join(folder, 'lib.so'), elf, { mode: 0o755 })
  })

  test('passes', () => {
    expect(checkTree(folder, ['app', 'lib.so'], ['app'])).toBeNull()
  })

  test('with a truncated library is refused by the name of it', async () => {
    await writeFile(join(folder, 'lib.so'), elf.subarray(0, 5_000))
    expect(checkTree(folder, ['app', 'lib.so'], ['app'])?.reason).toMatch(/^'lib.so' is a truncated ELF file/)
  })

  test('may bring tools for other machines and scripts for other places', async () => {
    await writeFile(join(folder, 'lib.so'), patched(18, 0xb7, 0))
    await writeFile(join(folder, 'install'), '#!/no/such/shell\n')
    await writeFile(join(folder, 'empty'), '')
    expect(checkTree(folder, ['app', 'lib.so', 'install', 'empty'], ['app'])).toBeNull()
  })

  test('whose entry cannot run here is refused', async () => {
    await writeFile(join(folder, 'app'), patched(18, 0xb7, 0))
    expect(checkTree(folder, ['app', 'lib.so'], ['app'])?.reason).toMatch(/^'app' is for /)
  })

  test('threat: a name that makes a fault of the bytes look like one of this host', async () => {
    await writeFile(join(folder, "x' needs y"), 'text', { mode: 0o755 })
    expect(checkTree(folder, ["x' needs y"], ["x' needs y"])).toMatchObject({ isMissingHere: false })
    await writeFile(join(folder, 'app'), '#!/no/such/shell\n')
    expect(checkTree(folder, ['app'], ['app'])).toMatchObject({ isMissingHere: true })
  })

  test('with several entries needs one that can run here', async () => {
    await writeFile(join(folder, 'app'), 'text')
    expect(checkTree(folder, ['app', 'lib.so'], ['app', 'lib.so'])).toBeNull()
    await writeFile(join(folder, 'lib.so'), 'text')
    expect(checkTree(folder, ['app', 'lib.so'], ['app', 'lib.so'])?.reason).toBe("'app' is text without a #! line")
  })
})
