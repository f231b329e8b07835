import { createHash } from 'node:crypto'
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { digestOf } from '../../src/trust/digest.ts'
import { type Demands, type Verified, verifyFile } from '../../src/trust/verify-file.ts'
import { temporaryFolder } from '../support/stores.ts'
import { newSigner, type SignOptions, signatureOf } from './minisign-signer.ts'

const APP = Buffer.from('the program')
const NAME = 'app.tar.gz'
const SIGNER = newSigner()
const sha = (algorithm: string, bytes: Uint8Array = APP) => createHash(algorithm).update(bytes).digest('hex')

const NONE: Demands = { name: NAME, version: null, size: null, digests: [], sums: null, signature: null }
const pin = (hex: string): Demands['digests'][number] => ({
  digest: { algorithm: 'sha256', hex },
  proof: 'sha256',
  from: '--sha256',
})
const github = (hex: string): Demands['digests'][number] => ({ ...pin(hex), proof: 'github-digest', from: 'GitHub' })
const sums = (text: string) => ({ file: 'SHA256SUMS', content: text })
const signed = (content: Uint8Array = APP, options: SignOptions = {}) => ({
  publicKey: SIGNER.publicKey,
  file: signatureOf(SIGNER, content, options),
})

async function verified(demands: Partial<Demands>, content: Uint8Array = APP): Promise<Verified> {
  const path = join(await temporaryFolder(), 'artifact')
  writeFileSync(path, content)
  return verifyFile(path, { ...NONE, ...demands })
}

async function problem(demands: Partial<Demands>, content?: Uint8Array): Promise<string> {
  const answer = await verified(demands, content)
  return answer.verdict === 'refused' ? answer.problem : 'none'
}

describe('a file that is right', () => {
  test('has every proof that was asked for, strongest first, and each in one line', async () => {
    const answer = await verified({
      version: '1.2.0',
      size: APP.length,
      digests: [github(sha('sha256')), pin(sha('sha256'))],
      sums: sums(`${sha('sha512')}  ${NAME}\n`),
      signature: signed(APP, { comment: `file:${NAME} version:1.2.0` }),
    })
    expect(answer).toEqual({
      verdict: 'verified',
      size: APP.length,
      sha256: sha('sha256'),
      proofs: ['sha256', 'minisign', 'github-digest', 'checksum-file'],
      checks: [
        { proof: 'github-digest', message: 'sha256 matches GitHub' },
        { proof: 'sha256', message: 'sha256 matches --sha256' },
        { proof: 'checksum-file', message: 'sha512 matches SHA256SUMS' },
        { proof: 'minisign', message: `signed by ${SIGNER.publicKey.id} as app.tar.gz, version 1.2.0` },
      ],
    })
  })

  test.each(['Ed', 'ED'] as const)('is accepted by its signature alone (%s)', async (form) => {
    const answer = await verified({ signature: signed(APP, { form }) })
    expect(answer).toMatchObject({ verdict: 'verified', proofs: ['minisign'] })
  })

  test('a version that was not compared is said to be so', async () => {
    const answer = await verified({ signature: signed(APP, { comment: 'version:1.2.0' }) })
    expect(answer.checks[0]?.message).toMatch(/, version 1.2.0, which was not compared$/)
  })

  test('what was computed on the way in is not computed again', async () => {
    const demands = { ...NONE, digests: [pin(sha('sha256'))], signature: signed() }
    const known = { size: APP.length, hex: { sha256: sha('sha256'), blake2b512: sha('blake2b512') } }
    expect(await verifyFile('/nonexistent', demands, known)).toMatchObject({ verdict: 'verified' })
    await expect(
      verifyFile('/nonexistent', { ...demands, sums: sums(`${sha('sha512')}  ${NAME}`) }, known),
    ).rejects.toThrow(/ENOENT/)
    const legacy = { ...NONE, signature: signed(APP, { form: 'Ed' }) }
    await expect(verifyFile('/nonexistent', legacy, known)).rejects.toThrow(/ENOENT/)
  })
})

describe('threats', () => {
  const wrong = sha('sha256', Buffer.from('other'))

  test('a truncated or padded download', async () => {
    expect(await problem({ size: 12 })).toBe('has 11 bytes, and 12 were announced')
  })

  test('wrong bytes: the digest of the source, or of the operator', async () => {
    expect(await problem({ digests: [github(wrong)] })).toBe(
      `has the sha256 ${sha('sha256')}, and GitHub says ${wrong}: it was damaged or replaced, or that is the digest of another file`,
    )
    expect(await problem({ digests: [github(sha('sha256')), pin(wrong)] })).toMatch(/and --sha256 says/)
  })

  test('wrong bytes: the checksum file', async () => {
    expect(await problem({ sums: sums(`${wrong}  ${NAME}\n`) })).toMatch(/and SHA256SUMS says/)
  })

  test('a checksum file that says nothing about the artifact', async () => {
    expect(await problem({ sums: sums(`${sha('sha256')}  other\n`) })).toBe('has no line of its own in SHA256SUMS')
  })

  test('a signature that is missing is no reason to go on without', async () => {
    expect(
      await problem({ digests: [pin(sha('sha256'))], signature: { publicKey: SIGNER.publicKey, file: null } }),
    ).toBe(`has no signature, and one by ${SIGNER.publicKey.id} is asked for`)
  })

  test('a good signature does not make up for a wrong digest, nor the other way round', async () => {
    expect(await problem({ digests: [github(wrong)], signature: signed() })).toMatch(/GitHub says/)
    expect(await problem({ digests: [github(sha('sha256'))], signature: signed(Buffer.from('other')) })).toMatch(
      /^is not what/,
    )
  })

  test('the first check that fails gives the reason, and those before it are told', async () => {
    const answer = await verified({
      size: APP.length,
      digests: [github(sha('sha256'))],
      sums: sums(`${wrong}  ${NAME}\n`),
      signature: signed(Buffer.from('other')),
    })
    expect(answer).toMatchObject({ verdict: 'refused', checks: [{ proof: 'github-digest' }] })
    expect(answer).not.toHaveProperty('proofs')
  })

  test('a legacy signature over a file that does not fit into memory', async () => {
    const path = join(await temporaryFolder(), 'large')
    writeFileSync(path, '')
    truncateSync(path, 134_217_729)
    const answer = await verifyFile(path, { ...NONE, signature: signed(APP, { form: 'Ed' }) })
    expect(answer).toMatchObject({ verdict: 'refused', problem: expect.stringMatching(/too large.* without -l$/) })
    // Nor does a hash that is known already pass for the bytes.
    const known = await digestOf(path, ['sha256', 'blake2b512'])
    const file = signatureOf(SIGNER, Buffer.from(known.hex.blake2b512 ?? '', 'hex'), { form: 'Ed' })
    const signature = { publicKey: SIGNER.publicKey, file }
    expect(await verifyFile(path, { ...NONE, signature }, known)).toMatchObject({ verdict: 'refused' })
  })

  test('a legacy signature over the digest of a file is none over the file', async () => {
    const hash = createHash('blake2b512').update(APP).digest()
    expect(await problem({ signature: signed(hash, { form: 'Ed' }) })).toMatch(/^is not what/)
    const known = await digestOf(once(APP), ['sha256', 'blake2b512'])
    const path = join(await temporaryFolder(), 'artifact')
    writeFileSync(path, APP)
    const answer = await verifyFile(path, { ...NONE, signature: signed(hash, { form: 'Ed' }) }, known)
    expect(answer.verdict).toBe('refused')
  })

  test('every flipped byte of a small artifact is found by each proof alone', async () => {
    const proofs: Partial<Demands>[] = [
      { digests: [github(sha('sha256'))] },
      { sums: sums(`${sha('sha256')}  ${NAME}\n`) },
      { sums: sums(`SHA512 (${NAME}) = ${sha('sha512')}\n`) },
      { signature: signed() },
      { signature: signed(APP, { form: 'Ed' }) },
    ]
    for (let at = 0; at < APP.length; at++) {
      const changed = Buffer.from(APP)
      changed[at] = (changed[at] as number) ^ 0x80
      for (const demands of proofs) expect(await problem(demands, changed)).not.toBe('none')
    }
    for (const demands of proofs) expect(await problem(demands)).toBe('none')
  })
})

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
