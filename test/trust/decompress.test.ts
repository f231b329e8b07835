import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { AutoupError } from '../../src/core/errors.ts'
import { type Refusal, type Unpacked, unpack } from '../../src/trust/archive.ts'
import type { Compression } from '../../src/trust/kinds.ts'
import { TRUST_LIMITS } from '../../src/trust/limits.ts'
import { unpackSingle } from '../../src/trust/single.ts'
import { missingTool } from '../../src/trust/unpack-tool.ts'
import { needs } from '../support/requirements.ts'
import { temporaryFolder } from '../support/stores.ts'
import { pack, tar } from '../support/tar.ts'

let folder: string
let turn = 0

beforeEach(async () => {
  folder = await temporaryFolder()
})

function unpackBytes(bytes: Buffer, compression: Compression, limits = {}): Promise<Unpacked | Refusal> {
  const folders = { work: join(folder, `work-${turn}`), tree: join(folder, `tree-${turn++}`) }
  writeFileSync(join(folder, 'archive'), bytes)
  return unpack(join(folder, 'archive'), { form: 'tar', compression }, folders, { ...TRUST_LIMITS, ...limits })
}

const TOOLS: readonly (readonly [Compression, string])[] = [
  ['xz', 'xz'],
  ['zstd', 'zstd'],
  ['bzip2', 'bzip2'],
]

describe.each(TOOLS)('%s, by the program %s', (compression, program) => {
  const { test } = needs(program)
  const whole = tar({ path: 'x', data: randomBytes(700_000) }, { path: 'y', data: 'y' })

  test('is unpacked', async () => {
    const result = await unpackBytes(pack(program, whole), compression)
    expect([...(result as Unpacked).digests.keys()]).toEqual(['x', 'y'])
  })

  test('of several parts is one', async () => {
    const parts = [whole.subarray(0, 1_000), whole.subarray(1_000)].map((part) => pack(program, part))
    expect(await unpackBytes(Buffer.concat(parts), compression)).toHaveProperty('digests')
  })

  test('that is damaged, cut off, or followed by garbage is refused with what the program says', async () => {
    const packed = pack(program, whole)
    const flipped = Buffer.from(packed)
    flipped[packed.length >> 1]! ^= 0xff
    for (const bytes of [flipped, packed.subarray(0, -10), Buffer.concat([packed, Buffer.from('garbage')])]) {
      const result = await unpackBytes(bytes, compression)
      expect(result).toEqual({ problem: expect.stringMatching(/^is (?:damaged: \S|cut off)/) })
      expect((result as Refusal).problem).not.toMatch(/stdin|\n/)
    }
  })

  test('that unpacks to far more than it is ends there', async () => {
    const bomb = pack(program, tar({ path: 'zeros', data: Buffer.alloc(30e6) }))
    const result = await unpackBytes(bomb, compression, { ratioFromBytes: 1e6 })
    expect(result).toEqual({ problem: 'unpacks to more than 200 times its size' })
  })

  test('without its program is no verdict, and names the package', async () => {
    const { PATH } = process.env
    process.env.PATH = folder
    onTestFinished(() => {
      process.env.PATH = PATH
    })
    const kind = { form: 'tar', compression } as const
    expect(missingTool(kind)).toMatch(new RegExp(`^needs the program ${program} .*: install the package `))
    writeFileSync(join(folder, 'archive'), 'x')
    const unpacking = unpack(join(folder, 'archive'), kind, { work: join(folder, 'w'), tree: join(folder, 't') })
    await expect(unpacking).rejects.toBeInstanceOf(AutoupError)
  })

  test('of a single file is that file', async () => {
    writeFileSync(join(folder, 'app.packed'), pack(program, Buffer.from('hello')))
    const result = await unpackSingle(join(folder, 'app.packed'), compression, join(folder, 'app'))
    expect(result).toEqual({ sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824' })
    expect(readFileSync(join(folder, 'app'), 'utf8')).toBe('hello')
  })
})

needs('zstd').test('a zstd that asks for gigabytes of memory gets none', async () => {
  const packed = pack(
    'zstd',
    tar({ path: 'x', data: randomBytes(3e6) }),
    '--ultra',
    '--long=31',
    '--stream-size=3000000',
  )
  // Frame_Header_Descriptor without single segment: a window of its own.
  const result = await unpackBytes(packed, 'zstd')
  expect(result).toHaveProperty(Object.hasOwn(result, 'problem') ? 'problem' : 'digests')
})

describe('a single file of gzip', () => {
  const unpackGzip = (bytes: Buffer, limits = {}) => {
    writeFileSync(join(folder, 'app.gz'), bytes)
    const to = join(folder, `app-${turn++}`)
    return unpackSingle(join(folder, 'app.gz'), 'gzip', to, { ...TRUST_LIMITS, ...limits })
  }

  test('is that file', async () => {
    expect(await unpackGzip(gzipSync('hello'))).toEqual({ sha256: expect.stringMatching(/^2cf24dba/) })
  })

  test.each<[string, Buffer, object, RegExp]>([
    ['cut off', gzipSync('hello').subarray(0, -5), {}, /damaged/],
    ['damaged', Buffer.concat([gzipSync('hello').subarray(0, -8), Buffer.alloc(8)]), {}, /damaged/],
    ['with bytes behind it', Buffer.concat([gzipSync('hello'), Buffer.alloc(3)]), {}, /3 bytes follow its end/],
    ['a bomb', gzipSync(Buffer.alloc(4e6)), { ratioFromBytes: 1e6 }, /more than 200 times/],
    ['too large', gzipSync('hello'), { treeBytes: 4 }, /over 4 B unpacked/],
  ])('that is %s is refused', async (_, bytes, limits, why) => {
    expect(await unpackGzip(bytes, limits)).toEqual({ problem: expect.stringMatching(why) })
  })
})

test('gzip needs no program', () => {
  expect(missingTool({ form: 'tar', compression: 'gzip' }, '')).toBeNull()
  expect(missingTool({ form: 'zip', compression: null }, '')).toBeNull()
  expect(missingTool(null, '')).toBeNull()
})
