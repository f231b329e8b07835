/**
 * Digests of files and streams, any number of algorithms in one pass, and the spellings in which digests are written
 * down. A spelling is read exactly or not at all: half a digest is none. MD5 and SHA-1 are no proof and not understood.
 */

import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { readAhead } from '../system/read-ahead.ts'

/** What sources and checksum files vouch with. */
export type DigestAlgorithm = 'sha256' | 'sha512'

export interface Digest {
  readonly algorithm: DigestAlgorithm
  /** Lower case, of full length. */
  readonly hex: string
}

/** What can be computed; a prehashed minisign signature is over BLAKE2b. */
export type HashAlgorithm = DigestAlgorithm | 'blake2b512'

export interface Digested {
  /** Bytes that were hashed. */
  readonly size: number
  readonly hex: Readonly<Partial<Record<HashAlgorithm, string>>>
}

/** Reads a file, by its path, or a stream to its end. Throws the system error of what cannot be read. */
export async function digestOf(
  source: string | AsyncIterable<Uint8Array>,
  algorithms: Iterable<HashAlgorithm>,
): Promise<Digested> {
  const hashes = [...new Set(algorithms)].map((algorithm) => [algorithm, createHash(algorithm)] as const)
  let size = 0
  for await (const piece of typeof source === 'string' ? pieces(source) : source) {
    size += piece.length
    for (const [, hash] of hashes) hash.update(piece)
  }
  return { size, hex: Object.fromEntries(hashes.map(([algorithm, hash]) => [algorithm, hash.digest('hex')])) }
}

/** `sha256:<hex>`, `sha256-<hex>`, `<hex>` (the length tells which) or `sha512-<base64>`; null for all else. */
export function parseDigest(text: string): Digest | null {
  const [, named, value] = /^(?:(sha256|sha512)[:-])?([A-Za-z0-9+/]+={0,2})$/.exec(text.trim()) ?? []
  if (value === undefined) return null
  const hex = isHex(value) ? value.toLowerCase() : named === undefined ? null : fromBase64(value)
  const algorithm = hex === null ? null : algorithmOf(hex)
  if (hex === null || algorithm === null || (named !== undefined && named !== algorithm)) return null
  return { algorithm, hex }
}

/** By the number of hex digits, or null. */
export function algorithmOf(hex: string): DigestAlgorithm | null {
  return hex.length === 64 ? 'sha256' : hex.length === 128 ? 'sha512' : null
}

async function* pieces(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r')
  try {
    yield* readAhead(file)
  } finally {
    await file.close()
  }
}

function isHex(text: string): boolean {
  return /^(?:[0-9a-f]{64}|[0-9a-f]{128})$/i.test(text)
}

/** Only the one spelling that an encoder writes. */
function fromBase64(text: string): string | null {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes.toString('hex') : null
}
