/** Signs as minisign does, with node:crypto, so that every part of a signature can be wrong on purpose. */

import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { type PublicKey, parsePublicKey } from '../../src/trust/minisign-key.ts'

export interface Signer {
  /** As minisign stores it, for a signature. */
  readonly idBytes: Buffer
  readonly privateKey: KeyObject
  /** The base64 line. */
  readonly line: string
  readonly publicKey: PublicKey
}

export function newSigner(id = 'c0ffee0000000001'): Signer {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const idBytes = Buffer.from(id, 'hex')
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x as string, 'base64url')
  const line = Buffer.concat([Buffer.from('Ed'), idBytes, raw]).toString('base64')
  return { idBytes, privateKey, line, publicKey: parsePublicKey(line) }
}

export interface SignOptions {
  readonly form?: 'Ed' | 'ED'
  readonly comment?: string | Buffer
  readonly untrusted?: string
}

export function signatureOf(signer: Signer, content: Uint8Array, options: SignOptions = {}): Buffer {
  const { form = 'ED', comment = 'timestamp:1\tfile:app.tar.gz\thashed', untrusted = 'signed' } = options
  const over = form === 'ED' ? createHash('blake2b512').update(content).digest() : content
  const signature = sign(null, over, signer.privateKey)
  const global = sign(null, Buffer.concat([signature, Buffer.from(comment)]), signer.privateKey)
  const body = Buffer.concat([Buffer.from(form), signer.idBytes, signature]).toString('base64')
  return Buffer.concat([
    Buffer.from(`untrusted comment: ${untrusted}\n${body}\ntrusted comment: `),
    Buffer.from(comment),
    Buffer.from(`\n${global.toString('base64')}\n`),
  ])
}
