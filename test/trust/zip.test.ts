import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32, deflateRawSync } from 'node:zlib'
import { beforeEach, describe, expect, test } from 'vitest'
import { type Refusal, type Unpacked, unpack } from '../../src/trust/archive.ts'
import { TRUST_LIMITS } from '../../src/trust/limits.ts'
import { cpuMsOf } from '../support/cpu.ts'
import { needs } from '../support/requirements.ts'
import { temporaryFolder } from '../support/stores.ts'
import { type ZipEntry, zip } from '../support/zip.ts'

let folder: string
let tree: string
let turn = 0

beforeEach(async () => {
  folder = await temporaryFolder()
})

function unpackBytes(bytes: Buffer, limits = {}): Promise<Unpacked | Refusal> {
  const work = join(folder, `work-${turn}`)
  tree = join(folder, `tree-${turn++}`)
  writeFileSync(join(folder, 'archive'), bytes)
  const kind = { form: 'zip', compression: null } as const
  return unpack(join(folder, 'archive'), kind, { work, tree }, { ...TRUST_LIMITS, ...limits })
}

async function refusal(bytes: Buffer, limits = {}): Promise<string> {
  const result = await unpackBytes(bytes, limits)
  expect(existsSync(tree)).toBe(false)
  return 'problem' in result ? result.problem : `taken: ${[...result.digests.keys()]}`
}

const isExecutable = (path: string) => (statSync(join(tree, path)).mode & 0o111) !== 0
const good: ZipEntry = { path: 'good', data: 'hello' }

describe('a zip that is in order', () => {
  needs('zip').test.each([[[]], [['-fz']], [['-0']]])('of the real zip %j is unpacked', async (options) => {
    const source = join(folder, 'app-1.0')
    mkdirSync(join(source, 'bin'), { recursive: true })
    mkdirSync(join(source, 'empty'))
    writeFileSync(join(source, 'bin/app'), '#!/bin/sh\n', { mode: 0o755 })
    writeFileSync(join(source, 'größe'), 'x'.repeat(6e5))
    writeFileSync(join(source, 'nothing'), '')
    symlinkSync('bin/app', join(source, 'app'))
    execFileSync('zip', ['-qry', ...options, 'a.zip', 'app-1.0'], { cwd: folder })
    const result = await unpackBytes(readFileSync(join(folder, 'a.zip')))
    // Links are data until the master makes them.
    expect(result).toMatchObject({ links: [{ path: 'app', target: 'bin/app' }] })
    expect(readdirSync(tree).sort()).toEqual(['bin', 'empty', 'größe', 'nothing'])
    expect(isExecutable('bin/app')).toBe(true)
    expect(isExecutable('größe')).toBe(false)
    expect(readFileSync(join(tree, 'größe'), 'utf8')).toBe('x'.repeat(6e5))
    expect((result as Unpacked).digests.get('nothing')).toMatch(/^e3b0c442/)
  })

  needs('python3').test('of Python, through a pipe and so with sizes behind the data, is unpacked', async () => {
    const script = `import sys, zipfile, io
class Pipe(io.RawIOBase):
    def writable(self): return True
    def write(self, data): return sys.stdout.buffer.write(data)
with zipfile.ZipFile(Pipe(), 'w', zipfile.ZIP_DEFLATED) as archive:
    archive.writestr('a', 'x' * 100000)
    archive.writestr('b/c', 'hello')`
    const bytes = execFileSync('python3', ['-c', script])
    expect([...((await unpackBytes(bytes)) as Unpacked).digests.keys()]).toEqual(['a', 'b/c'])
    expect(readFileSync(join(tree, 'b/c'), 'utf8')).toBe('hello')
  })

  test('of a system without modes has what looks like a program executable', async () => {
    const entries = [
      { path: 'script', data: '#!/bin/sh\n', mode: null },
      { path: 'program', data: readFileSync('/bin/true'), mode: null },
      { path: 'text', data: 'hello', mode: null },
      { path: 'empty', data: '', mode: null },
    ]
    await unpackBytes(zip(entries))
    expect(['script', 'program', 'text', 'empty'].map(isExecutable)).toEqual([true, true, false, false])
  })

  test('loses setuid, and keeps permissions that come without a kind', async () => {
    await unpackBytes(zip([{ path: 'x', data: '1', mode: 0o106755 }, { path: 'y', mode: 0o755 }, good]))
    expect(statSync(join(tree, 'x')).mode & 0o7000).toBe(0)
    expect(isExecutable('x')).toBe(true)
    expect(isExecutable('y')).toBe(true)
    expect(isExecutable('good')).toBe(false)
  })

  test('may have a comment, and be of the 64-bit form', async () => {
    expect(await unpackBytes(zip([good], { comment: 'made by hand', isZip64: true }))).toHaveProperty('digests')
  })

  test('may hold a deflated nothing, and data between its entries', async () => {
    expect(await unpackBytes(zip([{ path: 'x', data: '', behind: Buffer.alloc(16) }, good]))).toHaveProperty('digests')
  })
})

describe('a zip is refused whole', () => {
  test.each<[string, RegExp, ZipEntry[]]>([
    ['an absolute path', /absolute/, [{ path: '/tmp/moo' }]],
    ['a path that leads up', /leads out/, [{ path: '../moo' }]],
    ['a path that leads up from below', /leads out/, [{ path: 'a/../../moo' }]],
    ['a backslash', /backslash/, [{ path: '..\\moo' }]],
    ['a zero byte in a name', /characters/, [{ path: 'a\0b' }]],
    ['a control character in a name', /characters/, [{ path: 'a\u001b[2J' }]],
    ['no name', /without a name/, [{ path: '' }]],
    ['the same file twice', /twice/, [good]],
    ['a file below a file', /no folder/, [{ path: 'good/x' }]],
    ['a file below a link', /no folder/, [{ path: 'l', data: 'good', mode: 0o120777 }, { path: 'l/x' }]],
    ['a link that leads out', /outside/, [{ path: 'l', data: '../../etc/passwd', mode: 0o120777 }]],
    ['a link to an absolute path', /outside/, [{ path: 'l', data: '/etc/passwd', mode: 0o120777 }]],
    ['a link to nothing', /not there/, [{ path: 'l', data: 'nothing', mode: 0o120777 }]],
    ['an endless link', /too long/, [{ path: 'l', data: 'x'.repeat(5_000), mode: 0o120777 }]],
    ['a device', /of a kind/, [{ path: 'null', mode: 0o020666 }]],
    ['a named pipe', /of a kind/, [{ path: 'pipe', mode: 0o010644 }]],
    ['a folder with bytes', /bytes of its own/, [{ path: 'd/', data: 'x', mode: null }]],
    ['a folder that is a file', /by its name alone/, [{ path: 'd/', mode: 0o100644 }]],
    ['a file that is a folder', /by its mode alone/, [{ path: 'd', mode: 0o040755 }]],
    ['an encrypted file', /encrypted/, [{ path: 'x', flags: 1 }]],
    ['a strongly encrypted file', /encryp/, [{ path: 'x', flags: 0x41 }]],
    ['a hidden directory', /encrypted/, [{ path: 'x', flags: 0x2000 }]],
    ['another method', /method 14/, [{ path: 'x', both: { method: 14 } }]],
    ['too many folders in each other', /folders deep/, [{ path: `${'a/'.repeat(70)}x` }]],
    ['too long a name', /over 255 bytes/, [{ path: 'x'.repeat(256) }]],
    ['a wrong checksum', /CRC/, [{ path: 'x', data: 'x', both: { crc: 1 } }]],
    ['fewer bytes than announced', /announced/, [{ path: 'x', data: 'x', both: { size: 2 } }]],
    ['more bytes than announced', /announced/, [{ path: 'x', data: 'xx', both: { size: 1 } }]],
    ['no deflate data', /damaged/, [{ path: 'x', data: 'x', packed: Buffer.from('garbage') }]],
    [
      'half of the deflate data',
      /damaged/,
      [{ path: 'x', data: 'x', packed: deflateRawSync('x'.repeat(99)).subarray(0, 2) }],
    ],
    [
      'bytes after the deflate data',
      /follow its end/,
      [{ path: 'x', data: 'x', packed: Buffer.concat([deflateRawSync('x'), Buffer.from('more')]) }],
    ],
    ['another name on itself', /one name .* another/, [{ path: 'x', local: { name: 'y' } }]],
    ['another size on itself', /one size .* another/, [{ path: 'x', data: 'x', local: { size: 7 } }]],
    ['another packed size on itself', /one size .* another/, [{ path: 'x', data: 'x', local: { packedSize: 1 } }]],
    ['another checksum on itself', /one checksum .* another/, [{ path: 'x', data: 'x', local: { crc: 7 } }]],
    ['another method on itself', /one method .* another/, [{ path: 'x', data: 'x', local: { method: 0 } }]],
    ['other flags on itself', /one set of flags .* another/, [{ path: 'x', data: 'x', local: { flags: 8 } }]],
    ['a place outside of the archive', /damaged/, [{ path: 'x', central: { offset: 1e9 } }]],
    ['no header in its place', /damaged/, [{ path: 'x', central: { offset: 3 } }]],
    ['a size of the 64-bit form without one', /damaged|size/, [{ path: 'x', both: { size: 0xffffffff } }]],
  ])('with %s', async (_, why, entries) => {
    expect(await refusal(zip([good, ...entries]))).toMatch(why)
  })

  test.each<[string, RegExp, Buffer]>([
    ['bytes in front', /before its first entry/, zip([good], { before: Buffer.from('#!/bin/sh\n') })],
    ['bytes behind', /damaged/, zip([good], { after: Buffer.from('x') })],
    [
      'a second end record in its comment',
      /longer than it says|damaged/,
      zip([good], { comment: zip([]).toString('latin1') }),
    ],
    ['fewer entries than there are', /longer than it says/, zip([good, { path: 'x' }], { count: 1 })],
    ['more entries than there are', /damaged/, zip([good], { count: 2 })],
    ['something behind the directory', /longer than it says/, zip([good], { behindDirectory: Buffer.alloc(10) })],
    ['a directory outside of it', /damaged/, zip([good], { directoryAt: 1e9 })],
    ['a directory far outside of it', /damaged/, zip([good], { directoryAt: 2 ** 60, isZip64: true })],
    ['nothing in it', /no files/, zip([])],
    ['only folders in it', /no files/, zip([{ path: 'a/', mode: null }])],
  ])('with %s', async (_, why, bytes) => {
    expect(await refusal(bytes)).toMatch(why)
  })

  test('whose entries share their bytes', async () => {
    // As in "A better zip bomb" (Fifield 2019), in its simplest form: many names for one body.
    const whole = zip([
      { path: 'a', data: 'x' },
      { path: 'b', data: 'x', central: { offset: 0, name: 'a' } },
    ])
    expect(await refusal(whole)).toMatch(/overlaps another/)
  })

  test('whose entries lie inside of each other', async () => {
    const inner = zip([{ path: 'b', data: 'y', isStored: true }])
    const offset = 30 + 1
    const body = inner.subarray(0, 32)
    const entries: ZipEntry[] = [
      { path: 'a', data: body, isStored: true },
      { path: 'b', data: 'y', isStored: true, central: { offset } },
    ]
    expect(await refusal(zip(entries))).toMatch(/overlaps another/)
  })

  test('whose entries run into the directory', async () => {
    const size = 60
    const entry = { path: 'a', data: 'x', isStored: true, both: { size, packedSize: size, crc: crc32('') } }
    expect(await refusal(zip([entry]))).toMatch(/overlap its table/)
  })

  test.each([
    ['entries', { entries: 3 }, /more than 3 entries/],
    ['bytes', { treeBytes: 10 }, /over 10 B unpacked/],
    ['links', { links: 1 }, /more than 1 links/],
    ['names', { nameLength: 60 }, /table of contents that is too long/],
  ])('with too many %s', async (what, limits, why) => {
    const mode = what === 'links' ? 0o120777 : 0o100644
    const entries = [1, 2, 3, 4].map((number) => ({ path: `f${number}`, data: 'good', mode }))
    expect(await refusal(zip([good, ...entries]), limits)).toMatch(why)
  })

  test('that unpacks to far more than it is, before any of it is unpacked', async () => {
    const bomb = zip([{ path: 'zeros', data: Buffer.alloc(4e6) }])
    expect(await refusal(bomb, { ratioFromBytes: 1e6 })).toBe('unpacks to more than 200 times its size')
    expect(readdirSync(join(folder, `work-${turn - 1}`))).toEqual([])
  })

  test('that says it holds ten million entries, at once', async () => {
    const took = await cpuMsOf(async () =>
      expect(await refusal(zip([good], { count: 10_000_000, isZip64: true }))).toMatch(/more than 100000 entries/),
    )
    expect(took).toBeLessThan(1_000)
  })

  test('that is cut off, anywhere', async () => {
    const whole = zip([good, { path: 'x', data: 'y'.repeat(500) }])
    for (let length = 0; length < whole.length; length++) {
      expect(await unpackBytes(whole.subarray(0, length)), `${length}`).toHaveProperty('problem')
    }
  })
})
