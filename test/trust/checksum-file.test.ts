import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checksumFilesFor, findChecksum, isChecksumFileFor } from '../../src/trust/checksum-file.ts'
import { cpuMsOf } from '../support/cpu.ts'
import { needs } from '../support/requirements.ts'
import { temporaryFolder } from '../support/stores.ts'

const NAME = 'app-1.2.0-linux-amd64.tar.gz'
const A = 'a'.repeat(64)
const B = 'b'.repeat(64)
const LONG = 'c'.repeat(128)
const sums = (text: string | Buffer, name = NAME, file = 'SHA256SUMS') => findChecksum(text, name, file)
const found = { algorithm: 'sha256', hex: A }

describe('the names of checksum files', () => {
  test.each([
    [`${NAME}.sha256`, 0],
    [`${NAME}.sha256sum`, 0],
    [`${NAME}.SHA256`, 0],
    [`${NAME}.sha256.txt`, 0],
    [`${NAME}.sha512`, 1],
    ['app-1.2.0-checksums.txt', 2],
    ['app-1.2.0_SHA256SUMS', 2],
    ['app_1.2.0_checksums.txt', 2],
    ['App-1.2.0_checksums.txt', 2],
    ['app-1.2.0-sha256_checksums.txt', 2],
    ['app-1.2.0.sha256sums', 2],
    ['app-1.2.0-SHA512SUMS', 3],
    ['SHA256SUMS', 4],
    ['SHA256SUMS.txt', 4],
    ['sha256sum.txt', 4],
    ['sha256.txt', 4],
    ['checksums.txt', 4],
    ['checksums.sha256', 4],
    ['checksums_sha256.txt', 4],
    ['sha256-checksums.txt', 4],
    ['SHASUMS256.txt', 4],
    ['CHECKSUM', 4],
    ['SHA512SUMS', 5],
    ['checksums.sha512', 5],
    ['other_1.2.0_checksums.txt', 6],
  ])('%s ranks %i', (name, rank) => {
    expect(isChecksumFileFor(name, NAME)).toBe(rank)
  })

  test.each([
    NAME,
    'other.tar.gz.sha256',
    'other.tar.gz.sha256sum',
    'other.tar.gz.sha256sum.txt',
    'app-1.2.0.sha256',
    'APP-1.2.0-linux-amd64.tar.gz.sha256',
    `${NAME}.sha256.minisig`,
    'SHA256SUMS.asc',
    'SHA256SUMS.sig',
    'checksums.txt.pem',
    'MD5SUMS',
    'SHA1SUMS',
    'my256sums',
    'README.txt',
    '',
  ])('%s is none', (name) => {
    expect(isChecksumFileFor(name, NAME)).toBeNull()
  })
})

test('of all assets, the checksum files are found, best first', () => {
  const names = [NAME, 'SHA512SUMS', 'other.sha256', 'checksums.txt', `${NAME}.minisig`, `${NAME}.sha256`, 'SHA256SUMS']
  expect(checksumFilesFor(names, NAME)).toEqual([`${NAME}.sha256`, 'checksums.txt', 'SHA256SUMS', 'SHA512SUMS'])
})

describe('the spellings of a line', () => {
  test.each([
    ['GNU', `${A}  ${NAME}\n`],
    ['GNU, binary', `${A} *${NAME}\n`],
    ['one space', `${A} ${NAME}\n`],
    ['a tab', `${A}\t${NAME}\n`],
    ['without an end', `${A}  ${NAME}`],
    ['CRLF', `${B}  other\r\n${A}  ${NAME}\r\n`],
    ['BOM', `\uFEFF${A}  ${NAME}\n`],
    ['./', `${A}  ./${NAME}\n`],
    ['*./', `${A} *./${NAME}\n`],
    ['upper case', `${A.toUpperCase()}  ${NAME}\n`],
    ['BSD', `SHA256 (${NAME}) = ${A}\n`],
    ['OpenSSL', `SHA2-256(${NAME})= ${A}\n`],
    ['old OpenSSL', `SHA256(${NAME})= ${A}\n`],
    ['BSD beside other algorithms', `MD5 (${NAME}) = ${'d'.repeat(32)}\nSHA256 (${NAME}) = ${A}\n`],
    ['the same line twice', `${A}  ${NAME}\n${A} *${NAME}\n`],
    ['signed in the clear', `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n${A}  ${NAME}\n-----BEGIN PGP…`],
    ['comments', `# made by hand\n\n${A}  ${NAME}\n`],
    ['sha512 too', `${LONG}  ${NAME}\n${A}  ${NAME}\n`],
  ])('%s is understood', (_, text) => {
    expect(sums(text)).toEqual(found)
    expect(sums(Buffer.from(text))).toEqual(found)
  })

  test('sha512 alone is taken', () => {
    expect(sums(`${LONG}  ${NAME}\n`)).toEqual({ algorithm: 'sha512', hex: LONG })
    expect(sums(`SHA512 (${NAME}) = ${LONG}\n`)).toEqual({ algorithm: 'sha512', hex: LONG })
  })

  test.each([A, `${A}\n`, `${A}\r\n`, `${A}  -\n`, `${A} *-`, `${A}  \n`])(
    'a sum alone (%j) is that of the file it is named after, and of no other',
    (text) => {
      expect(sums(text, NAME, `${NAME}.sha256`)).toEqual(found)
      expect(sums(text, NAME, 'SHA256SUMS')).toEqual({ problem: 'has no line of its own in SHA256SUMS' })
      expect(sums(text, NAME, 'other.sha256')).toHaveProperty('problem')
    },
  )

  needs('sha256sum').test('names with odd characters are read as sha256sum writes them', async () => {
    const folder = await temporaryFolder()
    for (const name of ['a b', ' a', 'a\\b', 'a\nb', 'a\\nb', 'a\r', 'a(b) = c', 'ä', 'a*']) {
      writeFileSync(join(folder, name), name)
      const hex = createHash('sha256').update(name).digest('hex')
      for (const style of [[], ['--tag'], ['--binary']]) {
        const text = execFileSync('sha256sum', [...style, '--', name], { cwd: folder })
        // Only where the name itself begins as the mark of a line does, it cannot be told from it.
        if (name === ' a' && style[0] !== '--tag') continue
        expect(sums(text, name), `${style} ${JSON.stringify(name)}`).toEqual({ algorithm: 'sha256', hex })
      }
    }
  })
})

describe('threats', () => {
  test('a sum of another artifact: names match exactly, or not at all', () => {
    for (const other of [
      `${NAME}.asc`,
      NAME.slice(0, -3),
      `x${NAME}`,
      `dist/${NAME}`,
      NAME.toUpperCase(),
      `${NAME} `,
    ]) {
      expect(sums(`${A}  ${other}\n`), other).toEqual({ problem: 'has no line of its own in SHA256SUMS' })
    }
    expect(sums(`${B}  ${NAME}.sbom\n${A}  ${NAME}\n`)).toEqual(found)
  })

  test('two sums for one name: neither is believed', () => {
    expect(sums(`${A}  ${NAME}\n${B}  ${NAME}\n`)).toEqual({
      problem: 'has 2 different sums in SHA256SUMS: none is believed',
    })
    expect(sums(`${A}  ${NAME}\n${B}  ./${NAME}\n`)).toHaveProperty('problem')
    expect(sums(`SHA256 (${NAME}) = ${A}\n${B} *${NAME}\n`)).toHaveProperty('problem')
    expect(sums(`${A}\n${B}  ${NAME}\n`, NAME, `${NAME}.sha256`)).toHaveProperty('problem')
    const other = 'e'.repeat(128)
    expect(sums(`${A}  ${NAME}\n${LONG}  ${NAME}\n${other}  ${NAME}\n`)).toHaveProperty('problem')
  })

  test('a broken algorithm: MD5 and SHA-1 prove nothing', () => {
    const problem = 'has only an MD5 or SHA-1 sum in SHA256SUMS, which proves nothing'
    expect(sums(`${'a'.repeat(32)}  ${NAME}\n`)).toEqual({ problem })
    expect(sums(`SHA1 (${NAME}) = ${'a'.repeat(40)}\n`)).toEqual({ problem })
  })

  test('half a sum: a length that belongs to no algorithm is none', () => {
    for (const length of [31, 63, 65, 96, 127, 129]) {
      expect(sums(`${'a'.repeat(length)}  ${NAME}\n`)).toEqual({ problem: 'has no line of its own in SHA256SUMS' })
    }
    expect(sums(`SHA512 (${NAME}) = ${A}\n`)).toHaveProperty('problem')
    expect(sums(`SHA512/256 (${NAME}) = ${A}\n`)).toHaveProperty('problem')
    expect(sums(`${A}${NAME}\n`)).toHaveProperty('problem')
  })

  test('an endless checksum file: it is refused by its size', () => {
    const line = `${A}  ${NAME}\n`
    expect(sums(line.repeat(12_000))).toEqual({
      problem: expect.stringMatching(/too long: SHA256SUMS is over 1048576/),
    })
    expect(sums(`${line}${'#'.repeat(1_048_576 - line.length)}`)).toEqual(found)
  })

  test('no text at all: binary and UTF-16 are refused', () => {
    expect(sums(Buffer.from(`${A}  ${NAME}`, 'utf16le'))).toEqual({ problem: expect.stringMatching(/no text/) })
  })

  test('names that would take over a terminal are not repeated', () => {
    const answer = sums('', NAME, 'SHA256SUMS\u001b[2J\n')
    expect(answer).toEqual({ problem: 'has no line of its own in SHA256SUMS?[2J?' })
  })

  test('lines made to keep a parser busy take no time', async () => {
    for (const text of [' '.repeat(1e6), '\t*'.repeat(5e5), `SHA256 (${') = '.repeat(2e5)}`, `${A} `.repeat(15_000)]) {
      expect(await cpuMsOf(() => expect(sums(text)).toHaveProperty('problem'))).toBeLessThan(1_000)
    }
  })

  test('whatever a file says, an answer is the full sum of a line with the exact name', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        A,
        B,
        LONG,
        NAME,
        '  ',
        ' *',
        '\t',
        '\\',
        './',
        '\n',
        '\r\n',
        'SHA256 (',
        ') = ',
        '\uFEFF',
        '\0',
        '-',
      ),
      fc.string({ unit: 'binary', maxLength: 8 }),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join('')
        const answer = sums(text)
        if ('problem' in answer) {
          expect(answer.problem).toMatch(/^has [^\p{Cc}]+$/u)
          return
        }
        const line = text.split('\n').find((each) => each.includes(answer.hex) && each.includes(NAME))
        expect(line).toBeDefined()
      }),
      { numRuns: 2_000 },
    )
  })

  test('one character of a line changed never gives the same sum for another name, nor another sum for this', () => {
    const line = `${createHash('sha256').update('x').digest('hex')}  ${NAME}`
    const right = sums(line)
    fc.assert(
      fc.property(fc.nat(line.length - 1), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), (at, char) => {
        const changed = `${line.slice(0, at)}${char}${line.slice(at + 1)}`
        const answer = sums(changed)
        if ('problem' in answer || changed.slice(0, 64).toLowerCase() !== line.slice(0, 64)) return
        expect(answer).toEqual(right)
        expect(changed.endsWith(NAME)).toBe(true)
      }),
      { numRuns: 2_000 },
    )
  })
})
