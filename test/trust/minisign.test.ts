import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkSignature, parseSignature } from '../../src/trust/minisign.ts'
import { loadPublicKey, type PublicKey, parsePublicKey } from '../../src/trust/minisign-key.ts'
import { cpuMsOf } from '../support/cpu.ts'
import { needs } from '../support/requirements.ts'
import { temporaryFolder } from '../support/stores.ts'
import { newSigner, signatureOf } from './minisign-signer.ts'

const APP = Buffer.from('the program')
const SIGNER = newSigner()
const EXPECTED = { name: 'app.tar.gz', version: '1.2.0' }

function judge(
  file: Buffer,
  content: Uint8Array = APP,
  { key = SIGNER.publicKey, name = EXPECTED.name, version = EXPECTED.version as string | null } = {},
): string | { file: string | null; version: string | null } {
  const signature = parseSignature(file)
  if ('problem' in signature) return signature.problem
  const over = signature.over === 'bytes' ? content : createHash('blake2b512').update(content).digest()
  const answer = checkSignature(signature, key, over, { name, version })
  return 'problem' in answer ? answer.problem : answer
}

describe('a good signature', () => {
  test.each(['Ed', 'ED'] as const)('of the form %s is accepted', (form) => {
    expect(judge(signatureOf(SIGNER, APP, { form }))).toEqual({ file: 'app.tar.gz', version: null })
  })

  test('says what it is signed as', () => {
    const comment = 'timestamp:1 file:app.tar.gz version:v1.2.0'
    expect(judge(signatureOf(SIGNER, APP, { comment }))).toEqual({ file: 'app.tar.gz', version: 'v1.2.0' })
  })

  test('may have any untrusted comment, CRLF, a BOM, and no line feed at its end', () => {
    const good = signatureOf(SIGNER, APP, { untrusted: 'x'.repeat(180_000) }).toString()
    expect(judge(Buffer.from(good))).toHaveProperty('file')
    expect(judge(Buffer.from(good.replaceAll('\n', '\r\n')))).toHaveProperty('file')
    expect(judge(Buffer.from(`\uFEFF${good}`))).toHaveProperty('file')
    expect(judge(Buffer.from(good.trimEnd()))).toHaveProperty('file')
    expect(judge(Buffer.from(`${good}\n\n`))).toHaveProperty('file')
  })

  test('of an empty file is accepted', () => {
    expect(judge(signatureOf(SIGNER, Buffer.alloc(0)), Buffer.alloc(0))).toHaveProperty('file')
  })
})

describe('threats', () => {
  test('a signature by another key: both are named', () => {
    const other = newSigner('0102030405060708')
    expect(judge(signatureOf(other, APP))).toBe(
      `is signed by another key: 0807060504030201, and the public key given is ${SIGNER.publicKey.id}; if its publisher has changed keys, give the new one`,
    )
  })

  test('a signature by another key that bears the id of the right one', () => {
    expect(judge(signatureOf(newSigner(), APP))).toMatch(/^is not what .* signed/)
  })

  test.each(['Ed', 'ED'] as const)('a changed file (%s)', (form) => {
    const file = signatureOf(SIGNER, APP, { form })
    for (let at = 0; at < APP.length; at++) {
      const changed = Buffer.from(APP)
      changed[at] = (changed[at] as number) ^ 1
      expect(judge(file, changed)).toMatch(/^is not what \S+ signed: it was changed/)
    }
    expect(judge(file, APP.subarray(1))).toMatch(/^is not what/)
  })

  test('a signature over another file: the name that it was signed as is said', () => {
    const file = signatureOf(SIGNER, Buffer.from('other'), { comment: 'timestamp:1\tfile:tool.tar.gz\thashed' })
    expect(judge(file)).toMatch(/^is signed as 'tool.tar.gz'/)
  })

  test('a renamed artifact: file: must match', () => {
    const file = signatureOf(SIGNER, APP)
    expect(judge(file, APP, { name: 'app-admin.tar.gz' })).toBe(
      "is signed as 'app.tar.gz', so it was renamed, or another artifact was put in its place",
    )
  })

  test('a name in bytes that are no text: it is none that could match', () => {
    const comment = Buffer.from('file:caf\u00E9', 'latin1')
    const malformed = /^has a malformed signature: line 3 is not UTF-8/
    expect(judge(signatureOf(SIGNER, APP, { comment }), APP, { name: 'caf\uFFFD' })).toMatch(malformed)
    // Read as text on its way here, as by a fetcher.
    const text = signatureOf(SIGNER, APP, { comment }).toString()
    expect(judge(Buffer.from(text), APP, { name: 'caf\uFFFD' })).toMatch(malformed)
  })

  test('an old release under a new version: version: must match', () => {
    const file = signatureOf(SIGNER, APP, { comment: 'file:app.tar.gz version:1.1.0' })
    expect(judge(file)).toBe(
      'is signed as version 1.1.0, and is offered as 1.2.0: another release was put in its place',
    )
    expect(judge(file, APP, { version: null })).toEqual({ file: 'app.tar.gz', version: '1.1.0' })
  })

  test('a changed trusted comment: the global signature finds it', () => {
    const good = signatureOf(SIGNER, APP, { comment: 'file:app.tar.gz version:1.1.0' }).toString()
    expect(judge(Buffer.from(good.replace('1.1.0', '1.2.0')))).toBe(
      `has a signature by ${SIGNER.publicKey.id} whose trusted comment or global signature was changed`,
    )
  })

  test('parts of two good signatures: the global one binds them', () => {
    const [one, two] = ['1.1.0', '1.2.0'].map((version) =>
      signatureOf(SIGNER, Buffer.from(version), { comment: `version:${version}` })
        .toString()
        .split('\n'),
    ) as [string[], string[]]
    const mixed = [one[0], one[1], two[2], two[3]].join('\n')
    expect(judge(Buffer.from(mixed), Buffer.from('1.1.0'))).toMatch(/global signature was changed/)
  })

  test('a changed form: a signature over the hash is none over the bytes', () => {
    for (const [form, other] of [
      ['Ed', 'ED'],
      ['ED', 'Ed'],
    ] as const) {
      const lines = signatureOf(SIGNER, APP, { form }).toString().split('\n')
      const body = Buffer.from(lines[1]!, 'base64')
      body.write(other)
      lines[1] = body.toString('base64')
      expect(judge(Buffer.from(lines.join('\n')))).toMatch(/^is not what/)
    }
  })

  test('every byte of a signature that was changed is found, but those of the untrusted comment', () => {
    const good = signatureOf(SIGNER, APP)
    const free = good.indexOf('\n')
    const answers = new Set<string>()
    for (let at = 0; at < good.length; at++) {
      const changed = Buffer.from(good)
      changed[at] = (changed[at] as number) ^ 0x04
      const answer = judge(changed)
      if (at >= 'untrusted comment: '.length && at < free) expect(answer, `byte ${at}`).toHaveProperty('file')
      else expect(typeof answer, `byte ${at}`).toBe('string')
      if (typeof answer === 'string') answers.add(answer.replace(/ by \S+ /, ' ').replace(/: \S+, and/, ', and'))
    }
    expect(answers.size).toBeGreaterThan(5)
  })

  test('whatever the file holds, there is an answer, and it is not yes', () => {
    const good = signatureOf(SIGNER, APP)
    const start = good.indexOf('\n')
    const change = fc.record({ at: fc.nat(good.length - 1), cut: fc.nat(40), put: fc.uint8Array({ maxLength: 40 }) })
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        let file = good
        for (const { at, cut, put } of changes)
          file = Buffer.concat([file.subarray(0, at), put, file.subarray(at + cut)])
        const answer = judge(file)
        if (typeof answer === 'string') expect(answer).toMatch(/^(?:is|has) [^\p{Cc}]+$/u)
        // Nothing of what counts was touched.
        else expect(file.toString('latin1').trimEnd().endsWith(good.toString('latin1', start).trimEnd())).toBe(true)
      }),
      { numRuns: 2_000 },
    )
  })

  test('an endless signature, or one that keeps a parser busy, takes no time', async () => {
    for (const [byte, size] of [
      ['\r', 262_144],
      ['\n', 262_144],
      ['untrusted comment: ', 262_144],
      ['x', 300_000],
    ] as const) {
      expect(await cpuMsOf(() => expect(judge(Buffer.alloc(size, byte))).toMatch(/malformed/))).toBeLessThan(1_000)
    }
    expect(judge(Buffer.alloc(262_145))).toBe('has a malformed signature: it is over 262.1 kB')
    const comment = `${'file: '.repeat(1_300)}\t`
    expect(judge(signatureOf(SIGNER, APP, { comment }))).toMatch(/^is signed as ''/)
    expect(judge(signatureOf(SIGNER, APP, { comment: 'x'.repeat(8_193) }))).toMatch(/line 3 is too long/)
  })

  test('an untrusted comment is shown to nobody', () => {
    const evil = '\u001b[2Jall is well'
    for (const content of [APP, Buffer.from('other')]) {
      const answer = judge(signatureOf(newSigner(), APP, { untrusted: evil }), content)
      expect(answer).not.toContain('well')
    }
    const comment = 'file:\u001b[2J\u202Eapp'
    expect(judge(signatureOf(SIGNER, APP, { comment }))).toMatch(/^is signed as '\?\[2J\?app'/)
  })

  test.each([
    [1, (lines: string[]) => lines.slice(1)],
    [1, () => []],
    [2, (lines: string[]) => [lines[0], '', lines[2], lines[3]]],
    [2, (lines: string[]) => [lines[0], `${lines[1]}=`, lines[2], lines[3]]],
    [2, (lines: string[]) => [lines[0], ` ${lines[1]}`, lines[2], lines[3]]],
    [3, (lines: string[]) => [lines[0], lines[1], lines[3]]],
    [3, (lines: string[]) => [lines[0], lines[1], lines[2]?.slice(1), lines[3]]],
    [4, (lines: string[]) => lines.slice(0, 3)],
    [4, (lines: string[]) => [lines[0], lines[1], lines[2], lines[3]?.slice(4)]],
    [5, (lines: string[]) => [...lines.slice(0, 4), 'more']],
  ])('a malformed signature: line %i is named', (line, change) => {
    const lines = signatureOf(SIGNER, APP).toString().split('\n')
    expect(judge(Buffer.from(change(lines).join('\n')))).toMatch(
      new RegExp(`^has a malformed signature: line ${line} `),
    )
  })
})

describe('a public key', () => {
  const file = `untrusted comment: minisign public key\n${SIGNER.line}\n`

  test('is a line, the text of a file, or a path', async () => {
    const folder = await temporaryFolder()
    writeFileSync(join(folder, 'app.pub'), file.replaceAll('\n', '\r\n'))
    for (const given of [SIGNER.line, ` ${SIGNER.line}\n`, file, 'app.pub', join(folder, 'app.pub')]) {
      expect((await loadPublicKey(given, folder)).id).toBe('0100000000EEFFC0')
    }
  })

  test.each([
    ['', /empty/],
    ['nonexistent.pub', /'nonexistent.pub' is neither a minisign public key \(RW…\) nor a file with one/],
    [SIGNER.line.slice(1), /neither a minisign public key/],
    [`untrusted comment: x\n${SIGNER.line}\n${SIGNER.line}\n`, /no minisign public key/],
    [`untrusted comment: x\n`, /no minisign public key/],
    [`untrusted comment: x\n${SIGNER.line.slice(0, -1)}\n`, /no minisign public key/],
  ])('that is none (%j) is a mistake in the usage', async (given, message) => {
    const error = expect.objectContaining({ code: 'usage', message: expect.stringMatching(message) })
    await expect(loadPublicKey(given, '/nonexistent')).rejects.toEqual(error)
  })

  test('a secret key, given by mistake, is not repeated', async () => {
    for (const start of ['RWRTY0Iy', 'RWQAAEIy']) {
      const secret = start + 'A'.repeat(204)
      const folder = await temporaryFolder()
      writeFileSync(join(folder, 'app.key'), `untrusted comment: minisign encrypted secret key\n${secret}\n`)
      for (const given of [secret, 'app.key']) {
        await expect(loadPublicKey(given, folder)).rejects.toMatchObject({
          code: 'usage',
          message: expect.stringMatching(/^(?!.*RW[RQ]).*a minisign secret key/),
        })
      }
    }
  })
})

const DATA = new URL('../../../shared/data/minisign/', import.meta.url)
const hasData = existsSync(DATA)
if (!hasData) process.stderr.write('skipping tests, since ../shared/data/minisign is not here\n')

describe.skipIf(!hasData)('signatures that others made', () => {
  const read = (name: string) => readFileSync(new URL(name, DATA))
  const verdict = (name: string) =>
    judge(read(name), read('example.txt'), {
      key: parsePublicKey(read('minisign.pub').toString()),
      name: 'example.txt',
      version: null,
    })

  test.each(['example.txt.minisig', 'pre-hashed.txt.minisig'])('%s is good', (name) => {
    expect(verdict(name)).toEqual({ file: 'example.txt', version: null })
  })

  test.each([
    ['wrong-global-sig.txt.minisig', /A4570084F07E7F64 whose trusted comment or global signature was changed/],
    // Its form is good; the key is another one than the one beside it.
    ['long-comment.txt.minisig', /signed by another key: 3B3E5DE7F7EDEBE4, .* A4570084F07E7F64/],
    ['missing-line-break.txt.minisig', /malformed signature: line 4/],
    ['no-comment.txt.minisig', /malformed signature: line 1/],
    ['no-trusted-comment.txt.minisig', /malformed signature: line 3/],
  ])('%s is not', (name, message) => {
    expect(verdict(name)).toMatch(message)
  })

  test('invalid-key.pub is no key', () => {
    expect(() => parsePublicKey(read('invalid-key.pub').toString())).toThrow(/no minisign public key/)
  })
})

needs('minisign').describe('the real minisign', () => {
  const run = (cwd: string, ...args: string[]) =>
    execFileSync('minisign', args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })

  async function keys(): Promise<{ folder: string; key: PublicKey }> {
    const folder = await temporaryFolder()
    run(folder, '-G', '-W', '-p', 'app.pub', '-s', 'app.key')
    writeFileSync(join(folder, 'my app.tar.gz'), APP)
    return { folder, key: await loadPublicKey('app.pub', folder) }
  }

  test.each([[[]], [['-l']]])('signs (%j), and it is good', async (more: string[]) => {
    const { folder, key } = await keys()
    run(folder, '-S', ...more, '-s', 'app.key', '-m', 'my app.tar.gz')
    const file = readFileSync(join(folder, 'my app.tar.gz.minisig'))
    expect(parseSignature(file)).toMatchObject({ over: more.length > 0 ? 'bytes' : 'blake2b512' })
    expect(judge(file, APP, { key, name: 'my app.tar.gz' })).toEqual({ file: 'my app.tar.gz', version: null })
    expect(judge(file, APP, { key, name: 'my' })).toMatch(/^is signed as 'my app.tar.gz'/)
    expect(judge(file, Buffer.from('other'), { key, name: 'my app.tar.gz' })).toMatch(/^is not what/)
    expect(judge(file, APP)).toMatch(/^is signed by another key/)
  })

  test('signs a version', async () => {
    const { folder, key } = await keys()
    run(folder, '-S', '-s', 'app.key', '-m', 'my app.tar.gz', '-x', 'sig', '-t', 'version:1.1.0')
    const file = readFileSync(join(folder, 'sig'))
    expect(judge(file, APP, { key, version: '1.1.0' })).toEqual({ file: null, version: '1.1.0' })
    expect(judge(file, APP, { key, version: '1.2.0' })).toMatch(/^is signed as version 1.1.0/)
  })

  test('agrees about every changed byte', async () => {
    const { folder, key } = await keys()
    run(folder, '-S', '-s', 'app.key', '-m', 'my app.tar.gz', '-x', 'sig')
    const good = readFileSync(join(folder, 'sig'))
    for (let at = 0; at < good.length; at += 3) {
      const changed = Buffer.from(good)
      changed[at] = (changed[at] as number) ^ 0x01
      writeFileSync(join(folder, 'bad'), changed)
      let isGood = true
      try {
        run(folder, '-V', '-p', 'app.pub', '-m', 'my app.tar.gz', '-x', 'bad')
      } catch {
        isGood = false
      }
      const answer = judge(changed, APP, { key, name: 'my app.tar.gz' })
      expect(typeof answer === 'object', `byte ${at}: ${JSON.stringify(answer)}`).toBe(isGood)
    }
  })

  test('a key with a password is told from a public one', async () => {
    const { folder } = await keys()
    await expect(loadPublicKey('app.key', folder)).rejects.toMatchObject({ code: 'usage' })
  })

  test('a large file is hashed as minisign hashes it', async () => {
    const { folder, key } = await keys()
    const path = join(folder, 'large')
    writeFileSync(path, APP)
    truncateSync(path, 30_000_000)
    run(folder, '-S', '-s', 'app.key', '-m', 'large')
    const file = readFileSync(`${path}.minisig`)
    expect(judge(file, readFileSync(path), { key, name: 'large' })).toHaveProperty('file', 'large')
  })
})
