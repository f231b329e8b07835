import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { digestOf, parseDigest } from '../../src/trust/digest.ts'
import { temporaryFolder } from '../support/stores.ts'

const HEX = createHash('sha256').update('x').digest('hex')
const HEX512 = createHash('sha512').update('x').digest('hex')
const SRI256 = `sha256-${createHash('sha256').update('x').digest('base64')}`
const SRI512 = `sha512-${createHash('sha512').update('x').digest('base64')}`

describe('a file', () => {
  test('has the digests that coreutils give it, all in one pass', async () => {
    const path = join(await temporaryFolder(), 'file')
    writeFileSync(path, Buffer.alloc(3_333_333, 'autoup'))
    const { size, hex } = await digestOf(path, ['sha256', 'sha512', 'blake2b512', 'sha256'])
    const by = (program: string) => execFileSync(program, [path], { encoding: 'utf8' }).split(' ')[0]
    expect(size).toBe(3_333_333)
    expect(hex).toEqual({ sha256: by('sha256sum'), sha512: by('sha512sum'), blake2b512: by('b2sum') })
  })

  test.each([0, 1, 1_048_575, 1_048_576, 1_048_577, 2_097_152])('of %i bytes is read whole', async (size) => {
    const path = join(await temporaryFolder(), 'file')
    const bytes = Buffer.alloc(size, 'xyz')
    writeFileSync(path, bytes)
    expect(await digestOf(path, ['sha256'])).toEqual({
      size,
      hex: { sha256: createHash('sha256').update(bytes).digest('hex') },
    })
  })

  test('is not loaded into memory', async () => {
    const path = join(await temporaryFolder(), 'file')
    writeFileSync(path, '')
    truncateSync(path, 300_000_000)
    const before = process.memoryUsage()
    const reading = digestOf(path, ['sha256'])
    let highest = 0
    const look = setInterval(() => {
      highest = Math.max(highest, process.memoryUsage().arrayBuffers - before.arrayBuffers)
    }, 10)
    await reading.finally(() => clearInterval(look))
    expect(highest).toBeLessThan(20_000_000)
  })

  test('that is not there is the system error', async () => {
    await expect(digestOf('/nonexistent/file', ['sha256'])).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

test('a stream has the digest of its bytes, wherever it is cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array()), async (pieces) => {
      async function* stream() {
        yield* pieces
      }
      const all = Buffer.concat(pieces)
      expect(await digestOf(stream(), ['sha512'])).toEqual({
        size: all.length,
        hex: { sha512: createHash('sha512').update(all).digest('hex') },
      })
    }),
  )
})

describe('spellings', () => {
  test.each([
    [`sha256:${HEX}`, HEX],
    [`sha256-${HEX}`, HEX],
    [HEX, HEX],
    [` ${HEX.toUpperCase()}\n`, HEX],
    [SRI256, HEX],
  ])('%s is sha256', (text, hex) => {
    expect(parseDigest(text)).toEqual({ algorithm: 'sha256', hex })
  })

  test.each([`sha512:${HEX512}`, HEX512, SRI512])('%s is sha512', (text) => {
    expect(parseDigest(text)).toEqual({ algorithm: 'sha512', hex: HEX512 })
  })

  test.each([
    '',
    'sha256:',
    HEX.slice(1),
    `${HEX}0`,
    `sha512:${HEX}`,
    `sha256:${HEX512}`,
    `SHA256:${HEX}`,
    `md5:${'a'.repeat(32)}`,
    'a'.repeat(40),
    SRI512.slice(0, -1),
    SRI256.slice(7),
    `${SRI256.slice(0, -2)}B=`,
    `sha256:${HEX} ${HEX}`,
    `sha256:${'g'.repeat(64)}`,
  ])('half a digest (%s) is none', (text) => {
    expect(parseDigest(text)).toBeNull()
  })
})
