/** What `autoup verify` is asked to verify, read from the command line and from the files that it names. */

import { basename, resolve } from 'node:path'
import { AutoupError, errnoOf, messageOf } from '../core/errors.ts'
import { clean } from '../report/clean.ts'
import type { Digest } from '../trust/digest.ts'
import type { Demands } from '../trust/verify-file.ts'
import { has, type Input, lastValue, type OptionSpec } from './command.ts'
import type { Io } from './io.ts'

const PROOFS = 'What must hold'

const SHA256: OptionSpec = {
  flag: 'sha256',
  value: 'HEX',
  help: 'it has this digest',
  group: PROOFS,
}

const SUMS: OptionSpec = {
  flag: 'sums',
  value: 'FILE',
  help: 'a checksum file (GNU, BSD or bare) has its sum',
  group: PROOFS,
}

const PUBLIC_KEY: OptionSpec = {
  flag: 'public-key',
  value: 'KEY|FILE',
  help: 'it is signed with this minisign key',
  group: PROOFS,
}

const SIGNATURE: OptionSpec = {
  flag: 'signature',
  value: 'FILE',
  help: 'where the signature is',
  default: 'FILE.minisig',
  group: PROOFS,
}

const VERSION: OptionSpec = {
  flag: 'version',
  value: 'V',
  help: 'the version that it is signed as, where the signature names one',
  group: PROOFS,
}

const NAME: OptionSpec = {
  flag: 'name',
  value: 'NAME',
  help: 'what it is called in the checksum file and the signature',
  default: 'the name of FILE',
}

export const VERIFY_OPTIONS: readonly OptionSpec[] = [SHA256, SUMS, PUBLIC_KEY, SIGNATURE, VERSION, NAME]

/** Throws AutoupError `usage` where nothing would be proved. */
export function fileGiven(input: Input): string {
  if (!input.name) throw new AutoupError('usage', 'say which file: autoup verify FILE --sums SHA256SUMS')
  const proofs = [SHA256, SUMS, PUBLIC_KEY].map(({ flag }) => flag)
  if (lastValue(input, SIGNATURE.flag) !== undefined && lastValue(input, PUBLIC_KEY.flag) === undefined) {
    throw new AutoupError('usage', 'a signature proves nothing without a key: give the --public-key of who should sign')
  }
  if (!proofs.some((flag) => has(input, flag))) {
    const given = '--sha256 HEX, --sums FILE or --public-key KEY (with --signature FILE)'
    throw new AutoupError('usage', `say what ${clean(input.name)} is to be verified against: ${given}`)
  }
  return input.name
}

export async function demandsOf(input: Input, file: string, io: Io): Promise<Demands> {
  const pin = lastValue(input, SHA256.flag)
  const sums = lastValue(input, SUMS.flag)
  return {
    name: lastValue(input, NAME.flag) ?? basename(file),
    version: lastValue(input, VERSION.flag) ?? null,
    size: null,
    digests: pin === undefined ? [] : [{ digest: await pinned(pin), proof: 'sha256', from: '--sha256' }],
    sums: sums === undefined ? null : await sumsFrom(sums, io),
    signature: await signatureFor(input, file, io),
  }
}

async function pinned(text: string): Promise<Digest> {
  const { parseDigest } = await import('../trust/digest.ts')
  const digest = parseDigest(text)
  if (digest?.algorithm === 'sha256') return digest
  throw new AutoupError('usage', '--sha256 needs 64 hex digits, as sha256sum writes them')
}

async function sumsFrom(file: string, io: Io): Promise<Demands['sums']> {
  const { readBounded } = await import('../trust/read-bounded.ts')
  const { PROOF_LIMITS } = await import('../trust/proof-limits.ts')
  const content = await readable(file, () => readBounded(resolve(io.cwd, file), PROOF_LIMITS.checksumFileBytes))
  return { file: basename(file), content }
}

async function signatureFor(input: Input, file: string, io: Io): Promise<Demands['signature']> {
  const given = lastValue(input, PUBLIC_KEY.flag)
  if (given === undefined) return null
  const { loadPublicKey } = await import('../trust/minisign-key.ts')
  const { readBounded } = await import('../trust/read-bounded.ts')
  const { PROOF_LIMITS } = await import('../trust/proof-limits.ts')
  const publicKey = await loadPublicKey(given, io.cwd)
  const from = lastValue(input, SIGNATURE.flag) ?? `${file}.minisig`
  const bytes = await readable(from, async () => {
    try {
      return await readBounded(resolve(io.cwd, from), PROOF_LIMITS.signatureBytes)
    } catch (error) {
      // It is for the checks to say that there is none, and that is a refusal.
      if (errnoOf(error) === 'ENOENT') return null
      throw error
    }
  })
  return { publicKey, file: bytes }
}

/** A path that cannot be right is a mistake on the command line. */
export async function readable<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    const code = errnoOf(error)
    if (error instanceof AutoupError || code === null) throw error
    if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') {
      throw new AutoupError('usage', `'${clean(file)}' is ${code === 'EISDIR' ? 'a directory' : 'not there'}`)
    }
    throw new AutoupError('failed', `cannot read ${clean(file)}: ${messageOf(error)}`, { cause: error })
  }
}
