/**
 * The checks on the bytes of one artifact, in the order of DESIGN.md section 7: size, digests, checksum file,
 * signature. The file is read once for all of them. The first that fails ends it; nothing is opened, and nothing is
 * believed because something else was right.
 */

import { open, stat } from 'node:fs/promises'
import { formatSize } from '../core/duration.ts'
import { sortProofs } from '../core/ratchet.ts'
import { shown } from '../core/shown.ts'
import type { Refusal } from './archive.ts'
import { findChecksum } from './checksum-file.ts'
import { type Digest, type Digested, digestOf, type HashAlgorithm } from './digest.ts'
import { checkSignature, parseSignature, type Signature } from './minisign.ts'
import type { PublicKey } from './minisign-key.ts'
import { PROOF_LIMITS } from './proof-limits.ts'
import type { Expected } from './trusted-comment.ts'

/** What must hold. What is null was not asked for. */
export interface Demands extends Expected {
  /** Bytes, as the source announced them. */
  readonly size: number | null
  /** Each with the proof that it gives, and who says it: `--sha256`, `the GitHub API`. */
  readonly digests: readonly { readonly digest: Digest; readonly proof: string; readonly from: string }[]
  /** The checksum file, by its name and what it holds. */
  readonly sums: { readonly file: string; readonly content: Buffer | string } | null
  /** The public key makes a signature mandatory; `file` are the bytes of the `.minisig`, null where there is none. */
  readonly signature: { readonly publicKey: PublicKey; readonly file: Buffer | null } | null
}

export interface Check {
  /** As builds keep it: `sha256`, `checksum-file`, `minisign`, … */
  readonly proof: string
  /** `sha256 matches SHA256SUMS`: one line for people. */
  readonly message: string
}

interface Looked {
  readonly size: number
  readonly sha256: string
  /** Those that held, in the order of the checks. */
  readonly checks: readonly Check[]
}

export type Verified =
  | ({ readonly verdict: 'verified'; readonly proofs: readonly string[] } & Looked)
  /** `problem` is the end of a sentence that begins with the artifact's name. */
  | ({ readonly verdict: 'refused'; readonly problem: string } & Looked)

/**
 * `known` is what was computed while the bytes came in; the file is read again only for what that leaves open. Throws
 * the system error of what cannot be read.
 */
export async function verifyFile(path: string, demands: Demands, known: Digested | null = null): Promise<Verified> {
  const { name, sums, size } = demands
  const sum = sums === null ? null : findChecksum(sums.content, name, sums.file)
  const signature = signatureOf(demands)
  const { digested, content } = await read(path, algorithmsFor(demands, sum, signature), signature, known)
  const checks: Check[] = []
  const looked = { size: digested.size, sha256: digested.hex.sha256 ?? '', checks }
  const problem =
    sizeProblem(digested.size, size) ??
    digestProblem(digested, demands.digests, checks) ??
    (sum !== null && sums !== null ? sumProblem(digested, sum, sums.file, checks) : null) ??
    (signature !== null ? signatureProblem(signature, content, demands, checks) : null)
  if (problem !== null) return { verdict: 'refused', problem, ...looked }
  return { verdict: 'verified', proofs: sortProofs(checks.map(({ proof }) => proof)), ...looked }
}

/**
 * `is` the digest of the bytes, and `from` says another: the end of a sentence that begins with the artifact's name.
 */
export function otherDigest({ algorithm, hex }: Digest, from: string, said: string): string {
  const cause = 'it was damaged or replaced, or that is the digest of another file'
  return `has the ${algorithm} ${hex}, and ${from} says ${said}: ${cause}`
}

function signatureOf({ signature }: Demands): Signature | Refusal | null {
  if (signature === null) return null
  if (signature.file !== null) return parseSignature(signature.file)
  return { problem: `has no signature, and one by ${signature.publicKey.id} is asked for` }
}

function algorithmsFor(
  { digests }: Demands,
  sum: Digest | Refusal | null,
  signature: Signature | Refusal | null,
): HashAlgorithm[] {
  const algorithms: HashAlgorithm[] = ['sha256', ...digests.map(({ digest }) => digest.algorithm)]
  if (sum !== null && 'hex' in sum) algorithms.push(sum.algorithm)
  if (signature !== null && 'over' in signature && signature.over === 'blake2b512') algorithms.push('blake2b512')
  return algorithms
}

interface Read {
  readonly digested: Digested
  /** What the signature is over; null where none is asked for, or the file is too large for one of the legacy form. */
  readonly content: Uint8Array | null
}

async function read(
  path: string,
  algorithms: readonly HashAlgorithm[],
  signature: Signature | Refusal | null,
  known: Digested | null,
): Promise<Read> {
  const over = signature !== null && 'over' in signature ? signature.over : null
  if (over === 'bytes') {
    // The same bytes for every check, also when somebody writes to the file meanwhile.
    const bytes = await readWhole(path)
    if (bytes !== null) return { digested: await digestOf(once(bytes), algorithms), content: bytes }
  }
  const isKnown = known !== null && algorithms.every((algorithm) => known.hex[algorithm] !== undefined)
  const digested = isKnown ? known : await digestOf(path, algorithms)
  return { digested, content: over === 'blake2b512' ? Buffer.from(digested.hex.blake2b512 ?? '', 'hex') : null }
}

/** Null when it is too large. */
async function readWhole(path: string): Promise<Buffer | null> {
  if ((await stat(path)).size > PROOF_LIMITS.legacyBytes) return null
  const file = await open(path, 'r')
  try {
    const bytes = await file.readFile()
    return bytes.length > PROOF_LIMITS.legacyBytes ? null : bytes
  } finally {
    await file.close()
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

function sizeProblem(size: number, announced: number | null): string | null {
  return announced === null || size === announced ? null : `has ${size} bytes, and ${announced} were announced`
}

function digestProblem({ hex }: Digested, digests: Demands['digests'], checks: Check[]): string | null {
  for (const { digest, proof, from } of digests) {
    const is = hex[digest.algorithm] ?? ''
    if (is !== digest.hex) {
      return otherDigest({ algorithm: digest.algorithm, hex: is }, from, digest.hex)
    }
    checks.push({ proof, message: `${digest.algorithm} matches ${from}` })
  }
  return null
}

function sumProblem(digested: Digested, sum: Digest | Refusal, file: string, checks: Check[]): string | null {
  if ('problem' in sum) return sum.problem
  return digestProblem(digested, [{ digest: sum, proof: 'checksum-file', from: shown(file) }], checks)
}

function signatureProblem(
  signature: Signature | Refusal,
  content: Uint8Array | null,
  demands: Demands,
  checks: Check[],
): string | null {
  if ('problem' in signature) return signature.problem
  if (demands.signature === null) return null
  if (content === null) {
    const limit = formatSize(PROOF_LIMITS.legacyBytes)
    return `is over ${limit}, too large for a signature of the legacy form: sign it with minisign -S, without -l`
  }
  const signedAs = checkSignature(signature, demands.signature.publicKey, content, demands)
  if ('problem' in signedAs) return signedAs.problem
  const as = signedAs.file === null ? '' : ` as ${shown(signedAs.file)}`
  const compared = demands.version === null ? ', which was not compared' : ''
  const version = signedAs.version === null ? '' : `, version ${shown(signedAs.version)}${compared}`
  checks.push({ proof: 'minisign', message: `signed by ${signature.keyId}${as}${version}` })
  return null
}
