import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { Pax } from 'tar'
import { beforeEach, describe, expect, test } from 'vitest'
import { type Refusal, type Unpacked, unpack } from '../../src/trust/archive.ts'
import { TRUST_LIMITS } from '../../src/trust/limits.ts'
import { unpackTar } from '../../src/trust/tar.ts'
import { temporaryFolder } from '../support/stores.ts'
import { type TarEntry as Entry, tar, tarBlocks } from '../support/tar.ts'

let folder: string
let tree: string
let turn = 0

beforeEach(async () => {
  folder = await temporaryFolder()
})

function unpackBytes(bytes: Buffer, limits = {}, kind: 'tar' | 'tar.gz' = 'tar'): Promise<Unpacked | Refusal> {
  const work = join(folder, `work-${turn}`)
  tree = join(folder, `tree-${turn++}`)
  writeFileSync(join(folder, 'archive'), bytes)
  const compression = kind === 'tar' ? null : 'gzip'
  const folders = { work, tree }
  return unpack(join(folder, 'archive'), { form: 'tar', compression }, folders, { ...TRUST_LIMITS, ...limits })
}

function list(root: string, at = ''): string[] {
  return readdirSync(join(root, at), { withFileTypes: true }).flatMap((entry) => {
    const path = at === '' ? entry.name : `${at}/${entry.name}`
    return entry.isDirectory() ? [`${path}/`, ...list(root, path)] : [path]
  })
}

describe('an archive that is in order', () => {
  test.each(['tar', 'tar.gz'] as const)('as %s of the real tar is unpacked without its top folder', async (kind) => {
    const source = join(folder, 'app-1.0')
    mkdirSync(join(source, 'bin'), { recursive: true })
    writeFileSync(join(source, 'bin/app'), '#!/bin/sh\n', { mode: 0o755 })
    writeFileSync(join(source, `${'long-'.repeat(40)}name`), 'x'.repeat(3e5))
    symlinkSync('bin/app', join(source, 'app'))
    execFileSync('ln', [join(source, 'bin/app'), join(source, 'bin/hard')])
    execFileSync('tar', ['-C', folder, kind === 'tar' ? '-cf' : '-czf', join(folder, 'a'), 'app-1.0'])
    const result = await unpackBytes(readFileSync(join(folder, 'a')), {}, kind)
    expect(result).toMatchObject({ links: [{ path: 'app', target: 'bin/app' }] })
    // Links are data until the master makes them.
    expect(list(tree).sort()).toEqual(['bin/', 'bin/app', 'bin/hard', `${'long-'.repeat(40)}name`].sort())
    expect(statSync(join(tree, 'bin/app')).mode & 0o111).not.toBe(0)
    expect(statSync(join(tree, `${'long-'.repeat(40)}name`)).mode & 0o111).toBe(0)
    expect(readFileSync(join(tree, 'bin/hard'), 'utf8')).toBe('#!/bin/sh\n')
    // A copy, not the same file: what is sealed has one name.
    expect(statSync(join(tree, 'bin/hard')).nlink).toBe(1)
    expect((result as Unpacked).digests.size).toBe(3)
  })

  test('keeps its folders when there are several', async () => {
    await unpackBytes(tar({ path: 'a/x', data: '1' }, { path: 'b/', type: 'Directory' }))
    expect(list(tree)).toEqual(['a/', 'a/x', 'b/'])
  })

  test('may begin each name with ./ and name its root', async () => {
    await unpackBytes(
      tar({ path: './', type: 'Directory' }, { path: './x', data: '1' }, { path: './y/', type: 'Directory' }),
    )
    expect(list(tree).sort()).toEqual(['x', 'y/'])
  })

  test('loses setuid and its like', async () => {
    await unpackBytes(tar({ path: 'x', data: '1', mode: 0o6755 }, { path: 'y', data: '2' }))
    expect(statSync(join(tree, 'x')).mode & 0o7000).toBe(0)
  })

  test('says of each file what its sha256 is', async () => {
    const result = await unpackBytes(tar({ path: 'x', data: 'abc' }, { path: 'y', data: '' }))
    expect([...(result as Unpacked).digests]).toEqual([
      ['x', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
      ['y', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ])
  })
})

describe('an archive is refused whole', () => {
  const good: Entry = { path: 'good', data: 'x' }
  const link: Entry = { path: 'l', type: 'SymbolicLink', linkpath: 'good' }

  test.each<[string, RegExp, Entry[]]>([
    ['an absolute path', /absolute/, [{ path: '/tmp/moo', data: 'moo' }]],
    ['a path that leads up', /leads out/, [{ path: '../moo', data: 'moo' }]],
    ['a path that leads up from below', /leads out/, [{ path: 'a/../../moo', data: 'moo' }]],
    ['a link to an absolute path', /outside/, [{ path: 'moo', type: 'SymbolicLink', linkpath: '/tmp/moo' }]],
    ['a link that leads up', /outside/, [{ path: 'a/moo', type: 'SymbolicLink', linkpath: '../../moo' }]],
    ['a link to nothing', /not there/, [{ path: 'moo', type: 'SymbolicLink', linkpath: 'nothing' }]],
    [
      'a file through a link',
      /no folder/,
      [
        { path: 'dir/', type: 'Directory' },
        { path: 'l', type: 'SymbolicLink', linkpath: 'dir' },
        { path: 'l/moo', data: 'moo' },
      ],
    ],
    [
      'a file over a link',
      /twice/,
      [
        { path: 'moo', type: 'SymbolicLink', linkpath: 'good' },
        { path: 'moo', data: 'moo' },
      ],
    ],
    ['the same file twice', /twice/, [good]],
    ['a folder in place of a file', /twice/, [{ path: 'good/', type: 'Directory' }]],
    ['a file below a file', /no folder/, [{ path: 'good/x', data: 'x' }]],
    ['a hard link to something outside', /hard link/, [{ path: 'moo', type: 'Link', linkpath: '/etc/passwd' }]],
    ['a hard link to something that comes later', /hard link/, [{ path: 'moo', type: 'Link', linkpath: 'later' }]],
    ['a device', /of a kind/, [{ path: 'null', type: 'CharacterDevice' }]],
    ['a named pipe', /of a kind/, [{ path: 'pipe', type: 'FIFO' }]],
    ['a control character in a name', /characters/, [{ path: 'a\u001b[2J', data: 'x' }]],
    ['a sparse file', /sparse/, [{ path: 'GNUSparseFile.12/x', data: 'x' }]],
    ['too many folders in each other', /folders deep/, [{ path: 'a/'.repeat(70), type: 'Directory' }]],
  ])('with %s', async (_, why, entries) => {
    expect(await unpackBytes(tar(good, ...entries))).toEqual({ problem: expect.stringMatching(why) })
    expect(existsSync(tree)).toBe(false)
  })

  test.each([
    ['entries', { entries: 3 }, /more than 3 entries/],
    ['bytes', { treeBytes: 10 }, /over 10 B unpacked/],
  ])('with too many %s', async (_, limits, why) => {
    const entries = [1, 2, 3, 4].map((number) => ({ path: `f${number}`, data: 'xxxx' }))
    expect(await unpackBytes(tar(...entries), limits)).toEqual({ problem: expect.stringMatching(why) })
  })

  test('that unpacks to far more than it is', async () => {
    const bomb = gzipSync(tar({ path: 'zeros', data: Buffer.alloc(4e6) }))
    const result = await unpackBytes(bomb, { ratioFromBytes: 1e6 }, 'tar.gz')
    expect(result).toEqual({ problem: 'unpacks to more than 200 times its size' })
  })

  test('whose hard links multiply a file beyond the limit', async () => {
    const links: Entry[] = [1, 2, 3].map((number) => ({ path: `l${number}`, type: 'Link', linkpath: 'good' }))
    const result = await unpackBytes(tar({ path: 'good', data: 'x'.repeat(100) }, ...links), { treeBytes: 250 })
    expect(result).toEqual({ problem: expect.stringMatching(/over 250 B/) })
  })

  test('that is cut off, anywhere', async () => {
    const whole = tar({ path: 'a', data: 'x'.repeat(2_000) }, { path: 'b', data: 'y' })
    const packed = gzipSync(whole)
    for (const length of [0, 1, 511, 512, 700, 1_024, 2_560, 3_072, 3_584]) {
      expect(await unpackBytes(whole.subarray(0, length)), `tar of ${length}`).toHaveProperty('problem')
    }
    for (const length of [0, 1, 10, packed.length / 2, packed.length - 1]) {
      expect(await unpackBytes(packed.subarray(0, length), {}, 'tar.gz'), `gzip of ${length}`).toHaveProperty('problem')
    }
  })

  test('that has a damaged header in the middle', async () => {
    const bytes = tar(good, { path: 'b', data: 'y' }, { path: 'c', data: 'z' })
    bytes[1_024 + 5] = 0x7a
    expect(await unpackBytes(bytes)).toEqual({ problem: expect.stringMatching(/checksum/) })
  })

  test('that holds nothing', async () => {
    expect(await unpackBytes(tar())).toHaveProperty('problem')
    expect(await unpackBytes(tar({ path: 'a/', type: 'Directory' }))).toEqual({ problem: 'holds no files' })
  })

  test.each<[string, RegExp, Buffer]>([
    ['an entry', /goes on after its end mark/, tar({ path: 'later', data: 'x' })],
    ['an entry after one block of zeros', /goes on after its end mark/, Buffer.concat(tarBlocks({ path: 'later' }))],
    ['zeros and an entry', /goes on after/, Buffer.concat([Buffer.alloc(5_120), tar({ path: 'later' })])],
    ['much garbage', /goes on after/, randomBytes(3e6)],
    ['a byte far away', /goes on after/, Buffer.concat([Buffer.alloc(3e6), Buffer.from('x')])],
    ['garbage', /goes on after/, Buffer.alloc(512, 'x')],
    ['half a block of garbage', /goes on after/, Buffer.alloc(100, 'x')],
  ])('with %s behind its end', async (what, why, more) => {
    const whole = tar(good)
    const head = what.includes('one block') ? whole.subarray(0, -512) : whole
    expect(await unpackBytes(Buffer.concat([head, more]))).toEqual({ problem: expect.stringMatching(why) })
  })

  test('unless only zeros follow its end, as tar itself writes them', async () => {
    expect(await unpackBytes(Buffer.concat([tar(good), Buffer.alloc(9_216_000)]))).toHaveProperty('digests')
  })

  test.each<[string, number[]]>([
    ['zeros', [0, 0, 0]],
    ['garbage', [1, 2, 3]],
    ['zeros and garbage', [0, 1, 2]],
    ['the beginning of another member', [0x1f, 0x8b, 8]],
  ])('with %s behind the end of gzip', async (_, more) => {
    for (const size of [10, 262_144 - 200, 600_000]) {
      const packed = gzipSync(tar({ path: 'x', data: randomBytes(size) }))
      const result = await unpackBytes(Buffer.concat([packed, Buffer.from(more)]), {}, 'tar.gz')
      expect(result).toEqual({ problem: expect.stringMatching(/^is damaged: /) })
    }
  })

  test('unless it is made of several members of gzip, which are one', async () => {
    const whole = tar({ path: 'x', data: randomBytes(5_000) })
    const packed = Buffer.concat([gzipSync(whole.subarray(0, 700)), gzipSync(whole.subarray(700))])
    expect(await unpackBytes(packed, {}, 'tar.gz')).toHaveProperty('digests')
  })

  test('with more headers than entries could need, however few entries there are', async () => {
    const meta = tarBlocks({ path: '././@LongLink', data: 'name\0' })
    // Type L: the name of what follows.
    meta[0]!.write('L', 156)
    const sum = meta[0]!.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0)
    meta[0]!.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    const bytes = Buffer.concat([...Array.from({ length: 50 }, () => meta).flat(), tar(good)])
    expect(await unpackBytes(bytes, { entries: 10 })).toEqual({ problem: 'holds more than 10 entries' })
  })

  test.each<[string, RegExp, object, Entry[]]>([
    ['links', /more than 2 links/, { links: 2 }, [1, 2, 3].map((number) => ({ ...link, path: `l${number}` }))],
    [
      'names',
      /names of over 100 B/,
      { nameLength: 100 },
      [1, 2, 3].map((number) => ({ path: `${number}`.repeat(50) })),
    ],
    ['folders that nobody named', /more than 5 files and folders/, { entries: 5 }, [{ path: 'a/b/c/d/e/f' }]],
    ['bytes in a name', /over 255 bytes/, {}, [{ path: 'x'.repeat(256) }]],
    ['bytes in a path', /over 1024 bytes/, {}, [{ path: `${'x'.repeat(100)}/`.repeat(11) }]],
  ])('with too many %s', async (_, why, limits, entries) => {
    // Beyond the 100 bytes of a header, names come in a header of their own.
    const packed = await withLongNames(entries)
    expect(await unpackBytes(packed, limits)).toEqual({ problem: expect.stringMatching(why) })
  })

  test('of ten million entries, at the limit and soon', async () => {
    const block = Buffer.concat(Array.from({ length: 2_048 }, (_, at) => tarBlocks({ path: `f${at}` })).flat())
    let bytes = 0
    const endless = (async function* () {
      // As many as a gzip of a few hundred kilobytes holds.
      for (let turn = 0; turn < 5_000; turn++) {
        const piece = Buffer.from(block)
        for (let at = 0; at < piece.length; at += 512) rename(piece.subarray(at, at + 512), `${turn}-${at}`)
        bytes += piece.length
        yield piece
      }
    })()
    await expect(unpackTar(endless, folder, { ...TRUST_LIMITS, entries: 5_000 })).rejects.toThrow('more than 5000')
    expect(bytes).toBeLessThan(4 * block.length)
  })

  test('that is packed twice', async () => {
    expect(await unpackBytes(gzipSync(gzipSync(tar(good))), {}, 'tar.gz')).toEqual({ problem: 'is packed twice' })
  })

  test('that is garbage, without a word thrown', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 4_000 }), async (bytes) => {
        expect(await unpackBytes(Buffer.from(bytes))).toHaveProperty('problem')
        expect(await unpackBytes(Buffer.from(bytes), {}, 'tar.gz')).toHaveProperty('problem')
      }),
      { numRuns: 30 },
    )
  })

  test('that had any byte of its headers changed, or else unpacks to plain files inside', async () => {
    const bytes = tar({ path: 'dir/', type: 'Directory' }, { path: 'dir/file', data: 'data' })
    await fc.assert(
      fc.asyncProperty(fc.nat(1_023), fc.nat(255), async (at, value) => {
        const copy = Buffer.from(bytes)
        copy[at] = value
        const result = await unpackBytes(copy)
        if (copy.equals(bytes)) return
        if (!('problem' in result)) expect(result.links).toEqual([])
      }),
      { numRuns: 60 },
    )
  })
})

/** In place, with its checksum. */
function rename(header: Buffer, name: string): void {
  header.fill(0, 0, 100)
  header.write(name, 0)
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
}

/** With a header of pax for each name that does not fit. */
async function withLongNames(entries: readonly Entry[]): Promise<Buffer> {
  const blocks = entries.flatMap((entry) => {
    const long = entry.path.length <= 100 ? [] : new Pax({ path: entry.path }).encode()
    return [long, ...tarBlocks({ ...entry, path: entry.path.slice(0, 99) })].filter((each) => Buffer.isBuffer(each))
  })
  return Buffer.concat([...blocks, Buffer.alloc(1_024)])
}

const SHARED = fileURLToPath(new URL('../../../shared/data/archives', import.meta.url))

describe.skipIf(!existsSync(SHARED))(
  'the archives of traversal-archives (skipped where ../shared/data is absent)',
  () => {
    test.each(existsSync(SHARED) ? readdirSync(SHARED) : [])('%s is refused', async (name) => {
      const before = existsSync('/tmp/moo')
      expect(await unpackBytes(readFileSync(join(SHARED, name)))).toHaveProperty('problem')
      expect(existsSync(tree)).toBe(false)
      expect(existsSync('/tmp/moo')).toBe(before)
      expect(existsSync(join(folder, 'moo'))).toBe(false)
    })
  },
)
