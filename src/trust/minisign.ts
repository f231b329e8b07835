/**
 * minisign signatures (https://jedisct1.github.io/minisign, "Signature format"): Ed25519 over the file itself (`Ed`,
 * legacy) or over its BLAKE2b-512 (`ED`, the default), and a global one over that signature and the trusted comment.
 * The untrusted comment is signed by nobody and is not shown to anybody. Problems are the end of a sentence that begins
 * with the artifact's name.
 */

import { isUtf8 } from 'node:buffer'
import { verify } from 'node:crypto'
import { formatSize } from '../core/duration.ts'
import type { Refusal } from './archive.ts'
import { COMMENT, keyIdOf, type PublicKey } from './minisign-key.ts'
import { PROOF_LIMITS } from './proof-limits.ts'
import { checkTrustedComment, type Expected, type SignedAs } from './trusted-comment.ts'

export interface Signature {
  readonly keyId: string
  /** What was signed: the BLAKE2b-512 of the file, or the file itself, which then must be in memory. */
  readonly over: 'blake2b512' | 'bytes'
  readonly signature: Buffer
  readonly trustedComment: Buffer
  readonly globalSignature: Buffer
}

/** What the signature of an artifact is called. */
export function signatureNameOf(artifact: string): string {
  return `${artifact}.minisig`
}

/** The bytes of a `.minisig` file. */
export function parseSignature(file: Buffer): Signature | Refusal {
  if (file.length > PROOF_LIMITS.signatureBytes) {
    return { problem: `has a malformed signature: it is over ${formatSize(PROOF_LIMITS.signatureBytes)}` }
  }
  // Not as UTF-8: the trusted comment is signed byte by byte.
  const [untrusted = '', line2 = '', line3 = '', line4 = '', ...rest] = file.toString('latin1').split(/\r?\n/)
  if (!untrusted.replace(BOM, '').startsWith(UNTRUSTED)) return malformed(1, `does not begin with '${UNTRUSTED}'`)
  const body = fromBase64(line2, 74)
  if (body === null) return malformed(2, 'is not 74 bytes in base64')
  const algorithm = body.toString('latin1', 0, 2)
  if (algorithm !== 'Ed' && algorithm !== 'ED') return malformed(2, 'names an unknown algorithm')
  if (!line3.startsWith(TRUSTED)) return malformed(3, `does not begin with '${TRUSTED}'`)
  const trustedComment = Buffer.from(line3.slice(TRUSTED.length), 'latin1')
  if (trustedComment.length > PROOF_LIMITS.trustedCommentBytes) return malformed(3, 'is too long')
  // Names are compared as text: two that differ must not become one. What a fetcher gives was text once already.
  if (!isUtf8(trustedComment) || trustedComment.includes('\uFFFD')) {
    return malformed(3, 'is not UTF-8: sign it anew with another trusted comment')
  }
  const globalSignature = fromBase64(line4.replace(/\r$/, ''), 64)
  if (globalSignature === null) return malformed(4, 'is not 64 bytes in base64')
  if (rest.some((line) => line.trim() !== '')) return malformed(5, 'should not be there')
  return {
    keyId: keyIdOf(body.subarray(2, 10)),
    over: algorithm === 'ED' ? 'blake2b512' : 'bytes',
    signature: body.subarray(10),
    trustedComment,
    globalSignature,
  }
}

/**
 * `content` is what `signature.over` names. A changed file, a changed comment and a signature of something else are
 * told apart as well as the bytes allow.
 */
export function checkSignature(
  { keyId, signature, trustedComment, globalSignature }: Signature,
  publicKey: PublicKey,
  content: Uint8Array,
  expected: Expected,
): SignedAs | Refusal {
  if (keyId !== publicKey.id) {
    return {
      problem: `is signed by another key: ${keyId}, and the public key given is ${publicKey.id}; if its publisher has changed keys, give the new one`,
    }
  }
  const isContentSigned = isSigned(content, signature, publicKey)
  const isCommentSigned = isSigned(Buffer.concat([signature, trustedComment]), globalSignature, publicKey)
  if (isContentSigned && !isCommentSigned) {
    return { problem: `has a signature by ${keyId} whose trusted comment or global signature was changed` }
  }
  const signedAs = isCommentSigned ? checkTrustedComment(trustedComment.toString('utf8'), expected) : null
  if (!isContentSigned || signedAs === null) {
    if (signedAs !== null && 'problem' in signedAs) return signedAs
    return { problem: `is not what ${keyId} signed: it was changed, or the signature is over another file` }
  }
  return signedAs
}

const UNTRUSTED = `${COMMENT} `
const TRUSTED = 'trusted comment: '
/** The byte order mark of UTF-8, seen as Latin-1. */
const BOM = /^\u00EF\u00BB\u00BF/

function malformed(line: number, problem: string): Refusal {
  return { problem: `has a malformed signature: line ${line} ${problem}` }
}

function isSigned(content: Uint8Array, signature: Buffer, { key }: PublicKey): boolean {
  return verify(null, content, key, signature)
}

/** Only the one spelling that an encoder writes. */
function fromBase64(text: string, length: number): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === length && bytes.toString('base64') === text ? bytes : null
}
