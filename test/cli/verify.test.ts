import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../support/stores.ts'
import { newSigner, signatureOf } from '../trust/minisign-signer.ts'
import { autoup } from './terminal.ts'

const APP = Buffer.from('the program')
const HEX = createHash('sha256').update(APP).digest('hex')
const WRONG = '0'.repeat(64)
const CAUSE = 'it was damaged or replaced, or that is the digest of another file'
const SIGNER = newSigner()

async function folder(): Promise<string> {
  const cwd = await temporaryFolder()
  const write = (name: string, content: string | Buffer) => writeFileSync(join(cwd, name), content)
  write('app.tgz', APP)
  write('SHA256SUMS', `${WRONG}  other.tgz\n${HEX}  app.tgz\n`)
  write('WRONGSUMS', `${WRONG}  app.tgz\n`)
  write('app.pub', `untrusted comment: minisign public key\n${SIGNER.line}\n`)
  write('app.tgz.minisig', signatureOf(SIGNER, APP, { comment: 'file:app.tgz version:1.2.0' }))
  return cwd
}

const verify = async (words: string[], more = {}) => {
  const cwd = await folder()
  return autoup(['verify', ...words], { cwd, ...more })
}

describe('what holds', () => {
  test.each([
    [['--sha256', HEX], 'ok  sha256 matches --sha256\n'],
    [['--sha256', `sha256:${HEX.toUpperCase()}`], 'ok  sha256 matches --sha256\n'],
    [['--sums', 'SHA256SUMS'], 'ok  sha256 matches SHA256SUMS\n'],
    [['--public-key', SIGNER.line, '--version', '1.2.0'], 'ok  signed by 0100000000EEFFC0 as app.tgz, version 1.2.0\n'],
    [
      ['--public-key', 'app.pub', '--signature', 'app.tgz.minisig'],
      'ok  signed by 0100000000EEFFC0 as app.tgz, version 1.2.0, which was not compared\n',
    ],
    [
      ['--public-key=app.pub', '--version=v1.2.0', '--sums=SHA256SUMS', `--sha256=${HEX}`],
      'ok  sha256 matches --sha256\nok  sha256 matches SHA256SUMS\nok  signed by 0100000000EEFFC0 as app.tgz, version 1.2.0\n',
    ],
  ])('%j is one line for each proof, and 0', async (words, stdout) => {
    expect(await verify(['app.tgz', ...words])).toEqual({ code: 0, stdout, stderr: '' })
  })

  test('on a system without masters it works as well', async () => {
    expect(await verify(['app.tgz', '--sums', 'SHA256SUMS'], { platform: 'darwin' })).toMatchObject({ code: 0 })
  })

  test('a file of another name is looked up under --name', async () => {
    const cwd = await folder()
    mkdirSync(join(cwd, 'downloads'))
    writeFileSync(join(cwd, 'downloads', 'blob'), APP)
    const words = ['verify', 'downloads/blob', '--sums', 'SHA256SUMS']
    expect(await autoup(words, { cwd })).toMatchObject({
      code: 5,
      stderr: 'autoup: blob has no line of its own in SHA256SUMS\n',
    })
    expect(await autoup([...words, '--name', 'app.tgz'], { cwd })).toMatchObject({ code: 0 })
  })

  test('a checksum file of one artifact may hold the sum alone', async () => {
    const cwd = await folder()
    writeFileSync(join(cwd, 'app.tgz.sha256'), `${HEX}\n`)
    expect(await autoup(['verify', 'app.tgz', '--sums', 'app.tgz.sha256'], { cwd })).toMatchObject({ code: 0 })
  })

  test('--json is one line, whatever the verdict', async () => {
    const right = await verify(['app.tgz', '--sums', 'SHA256SUMS', '--json'])
    expect({ ...right, stdout: JSON.parse(right.stdout) }).toEqual({
      code: 0,
      stderr: '',
      stdout: {
        ok: true,
        file: 'app.tgz',
        name: 'app.tgz',
        size: 11,
        sha256: HEX,
        checks: [{ proof: 'checksum-file', message: 'sha256 matches SHA256SUMS' }],
        reason: null,
      },
    })
    const wrong = await verify(['app.tgz', '--sha256', HEX, '--sums', 'WRONGSUMS', '--json'])
    expect(wrong).toMatchObject({ code: 5, stderr: '' })
    expect(wrong.stdout.endsWith('}\n')).toBe(true)
    expect(JSON.parse(wrong.stdout)).toMatchObject({
      ok: false,
      checks: [{ proof: 'sha256' }],
      reason: `app.tgz has the sha256 ${HEX}, and WRONGSUMS says ${WRONG}: ${CAUSE}`,
    })
  })
})

describe('threats', () => {
  test.each([
    ['a wrong digest', ['--sha256', WRONG], `app.tgz has the sha256 ${HEX}, and --sha256 says ${WRONG}: ${CAUSE}`],
    ['a wrong sum', ['--sums', 'WRONGSUMS'], `app.tgz has the sha256 ${HEX}, and WRONGSUMS says ${WRONG}: ${CAUSE}`],
    [
      'another version',
      ['--public-key', 'app.pub', '--version', '1.3.0'],
      'app.tgz is signed as version 1.2.0, and is offered as 1.3.0: another release was put in its place',
    ],
    [
      'another name',
      ['--public-key', 'app.pub', '--name', 'tool.tgz'],
      "tool.tgz is signed as 'app.tgz', so it was renamed, or another artifact was put in its place",
    ],
    [
      'another key',
      ['--public-key', newSigner('0000000000000001').line],
      'app.tgz is signed by another key: 0100000000EEFFC0, and the public key given is 0100000000000000; if its publisher has changed keys, give the new one',
    ],
    [
      'a missing signature',
      ['--public-key', 'app.pub', '--signature', 'nowhere.minisig'],
      'app.tgz has no signature, and one by 0100000000EEFFC0 is asked for',
    ],
    [
      'a checksum file in place of the signature',
      ['--public-key', 'app.pub', '--signature', 'SHA256SUMS'],
      "app.tgz has a malformed signature: line 1 does not begin with 'untrusted comment: '",
    ],
  ])('%s is one sentence and 5', async (_, words, reason) => {
    expect(await verify(['app.tgz', ...words])).toEqual({ code: 5, stdout: '', stderr: `autoup: ${reason}\n` })
  })

  test('one proof that fails is enough, whatever else holds', async () => {
    const { code, stdout, stderr } = await verify([
      'app.tgz',
      '--sha256',
      HEX,
      '--sums',
      'WRONGSUMS',
      '--public-key',
      'app.pub',
    ])
    expect({ code, stdout }).toEqual({ code: 5, stdout: 'ok  sha256 matches --sha256\n' })
    expect(stderr).toMatch(/^autoup: app.tgz has the sha256 [^\n]*\n$/)
  })

  test('names that would take over a terminal are not written to it', async () => {
    const cwd = await folder()
    const evil = 'a\u001b[2J\nb'
    writeFileSync(join(cwd, evil), APP)
    writeFileSync(join(cwd, `${evil}.sums`), 'x')
    const { code, stderr } = await autoup(['verify', evil, '--sums', `${evil}.sums`], { cwd })
    expect(code).toBe(5)
    expect(stderr).toMatch(/^autoup: [^\p{Cc}]+\n$/u)
  })

  test('the file is not changed', async () => {
    const cwd = await folder()
    await autoup(['verify', 'app.tgz', '--sums', 'WRONGSUMS'], { cwd })
    expect(readFileSync(join(cwd, 'app.tgz'))).toEqual(APP)
  })
})

describe('mistakes', () => {
  test.each([
    [[], /say which file/],
    [['app.tgz'], /what app.tgz is to be verified against: --sha256 HEX, --sums FILE or --public-key KEY/],
    [['app.tgz', '--name', 'x'], /is to be verified against/],
    [['app.tgz', '--signature', 'app.tgz.minisig'], /proves nothing without a key: give the --public-key/],
    [['app.tgz', '--sha256', 'abc'], /--sha256 needs 64 hex digits/],
    [['app.tgz', '--sha256='], /--sha256 needs 64 hex digits/],
    [['app.tgz', '--sha256', '0'.repeat(128)], /--sha256 needs 64 hex digits/],
    [['app.tgz', '--sums', 'nowhere'], /'nowhere' is not there/],
    [['app.tgz', '--sums='], /is a directory/],
    [['nowhere.tgz', '--sums', 'SHA256SUMS'], /'nowhere.tgz' is not there/],
    [['.', '--sums', 'SHA256SUMS'], /'.' is no file/],
    [['app.tgz', '--public-key', 'nowhere.pub'], /neither a minisign public key \(RW…\) nor a file/],
    [['app.tgz', '--public-key='], /the public key is empty/],
    [['app.tgz', '--public-key', 'SHA256SUMS'], /SHA256SUMS: this is no minisign public key/],
    [['app.tgz', '--frobnicate'], /unknown option/],
    [['app.tgz', '--version'], /--version needs a value/],
    [['app.tgz', 'other.tgz', '--sums', 'SHA256SUMS'], /too many words/],
  ])('%j is one sentence and 2', async (words, message) => {
    const { code, stdout, stderr } = await verify(words)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
    expect(stderr).toMatch(/^autoup: [^\n]+\n$/)
  })

  test('its help names every proof', async () => {
    const { code, stdout } = await autoup(['verify', '--help'])
    expect(code).toBe(0)
    for (const flag of ['sha256', 'sums', 'public-key', 'signature', 'version', 'name', 'json'])
      expect(stdout).toContain(`--${flag}`)
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
  })
})
