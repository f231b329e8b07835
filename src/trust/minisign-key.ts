/**
 * The public key of a minisign key pair, as people have it: the one line in base64, the text of the `.pub` file, or
 * its path. What was given is not repeated in an error: it may be a secret key, given by mistake.
 */

import { createPublicKey, type KeyObject } from 'node:crypto'
import { resolve } from 'node:path'
import { AutoupError, errnoOf, messageOf } from '../core/errors.ts'
import { shown } from '../core/shown.ts'
import { PROOF_LIMITS } from './proof-limits.ts'
import { readBounded } from './read-bounded.ts'

export interface PublicKey {
  /** Sixteen hex digits, as minisign shows it. */
  readonly id: string
  /** The key as one line, as it was given: what parsePublicKey takes. */
  readonly line: string
  readonly key: KeyObject
}

/** `given` is a key or, relative to `cwd`, a path. Throws AutoupError `usage`, or `failed` for what cannot be read. */
export async function loadPublicKey(given: string, cwd: string): Promise<PublicKey> {
  const text = given.trim()
  if (LINE.test(text) || text.startsWith(COMMENT)) return parsePublicKey(text)
  if (text === '') throw new AutoupError('usage', 'the public key is empty')
  if (SECRET.test(text)) throw new AutoupError('usage', SECRET_GIVEN)
  const path = resolve(cwd, given)
  try {
    return parsePublicKey((await readBounded(path, PROOF_LIMITS.publicKeyBytes)).toString('utf8'))
  } catch (error) {
    if (error instanceof AutoupError) throw new AutoupError('usage', `${shown(given)}: ${error.message}`)
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENAMETOOLONG') {
      throw new AutoupError(
        'usage',
        `'${shown(given)}' is neither a minisign public key (RW…) nor a file with one: give the .pub file that minisign -G has made`,
      )
    }
    throw new AutoupError('failed', `cannot read the public key ${shown(given)}: ${messageOf(error)}`, { cause: error })
  }
}

/** The base64 line, or the whole text of a `.pub` file. Throws AutoupError `usage`. */
export function parsePublicKey(text: string): PublicKey {
  const lines = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith(COMMENT))
  const [line, ...others] = lines
  if (lines.some((each) => SECRET.test(each))) throw new AutoupError('usage', SECRET_GIVEN)
  const bytes = line === undefined || !LINE.test(line) ? null : Buffer.from(line, 'base64')
  if (bytes === null || others.length > 0) {
    throw new AutoupError('usage', 'this is no minisign public key: it is one line of 56 letters that begins with RW')
  }
  const x = bytes.subarray(10).toString('base64url')
  return {
    id: keyIdOf(bytes.subarray(2, 10)),
    line: line as string,
    key: createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }),
  }
}

/** Eight bytes, little-endian, as minisign shows them. */
export function keyIdOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).reverse().toString('hex').toUpperCase()
}

export const COMMENT = 'untrusted comment:'

/** `Ed`, eight bytes of key id, 32 bytes of Ed25519: 42 bytes, so base64 has no padding and one spelling. */
const LINE = /^RW[QRST][A-Za-z0-9+/]{53}$/
/** `Ed`, then the name of the key derivation: `Sc`, or two zeros where there is no password. */
const SECRET = /^RW(?:RTY|QAA)[A-Za-z0-9+/]{100}/
const SECRET_GIVEN =
  'this is a minisign secret key, which belongs to whoever signs: give the public one (RW…, a .pub file)'
