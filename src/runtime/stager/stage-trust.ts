/**
 * What vouches for a release: gathered before its bytes are fetched, so that nothing is fetched that would be refused
 * anyway, and demanded of the bytes once they are here. Checksum files and signatures are looked for among the siblings
 * of the artifact.
 */

import { claimedProofs, ratchetProblem, sortProofs } from '../../core/ratchet.ts'
import type { FetchContext, Fetcher, Release } from '../../core/source.ts'
import type { Refusal } from '../../trust/archive.ts'
import { checksumFilesFor, silenceOf } from '../../trust/checksum-file.ts'
import { parseDigest } from '../../trust/digest.ts'
import { signatureNameOf } from '../../trust/minisign.ts'
import { parsePublicKey } from '../../trust/minisign-key.ts'
import type { Demands } from '../../trust/verify-file.ts'
import type { StageJob } from './stage-protocol.ts'

export interface Evidence extends Pick<Demands, 'sums' | 'signature'> {
  /** The proofs that the build will have when all of it holds, strongest first. */
  readonly pledged: readonly string[]
}

/** The evidence there is, or why it is not enough, as the end of a sentence that begins with the artifact's name. */
export async function gatherEvidence(
  order: StageJob,
  release: Release,
  { fetcher, context }: { readonly fetcher: Fetcher; readonly context: FetchContext },
): Promise<Evidence | Refusal> {
  const ask = async (name: string): Promise<string | null> =>
    (await fetcher.companion?.(context, release, name)) ?? null
  const signature = await signatureOf(order, release, ask)
  if (signature !== null && 'problem' in signature) return signature
  const { sums, silent } = release.isTree ? NO_SUMS : await sumsOf(release, ask)
  const pledged = sortProofs([
    ...ownProofs(order, fetcher.scheme, release),
    ...(sums ? ['checksum-file'] : []),
    ...(signature ? ['minisign'] : []),
  ])
  const weaker = ratchetProblem(order.ratchet, pledged)
  if (weaker !== null) return { problem: `is not taken: ${weaker}` }
  if (pledged.length > 0 || order.allowUnverified) return { sums, signature, pledged }
  return {
    problem: `is not taken: nothing vouches for its bytes${silent === null ? '' : ` (it ${silent})`}; ${ADVICE}`,
  }
}

/** What must hold of the bytes. */
export function demandsOf(order: StageJob, release: Release, { sums, signature }: Evidence, scheme: string): Demands {
  const digests: Demands['digests'][number][] = []
  const pinned = order.sha256 === null ? null : parseDigest(order.sha256)
  if (pinned) digests.push({ digest: pinned, proof: 'sha256', from: '--sha256' })
  const announced = release.digest === null ? null : parseDigest(release.digest)
  if (announced) digests.push({ digest: announced, proof: `${scheme}-digest`, from: 'the source' })
  const version = release.ordered ? release.version : null
  return { name: release.name, version, size: release.size, digests, sums, signature }
}

const ADVICE =
  'publish a checksum file with it, give its digest with --sha256, or take it all the same with --allow-unverified'

/** Why it may be trusted without a companion. */
function ownProofs(order: StageJob, scheme: string, release: Release): string[] {
  const pinned = order.sha256 === null ? [] : ['sha256']
  // Who can write the file can write its digest: nothing is proved but that it is on this machine.
  const source = scheme === 'file' ? ['local-file'] : release.digest === null ? [] : [`${scheme}-digest`]
  return [...pinned, ...source, ...claimedProofs(release.proofs ?? [])]
}

/** A public key makes a signature mandatory. */
async function signatureOf(
  { publicKey }: StageJob,
  { name, isTree = false }: Release,
  ask: (name: string) => Promise<string | null>,
): Promise<Demands['signature'] | Refusal> {
  if (publicKey === null) return null
  if (isTree)
    return { problem: 'is a tree of files, which minisign cannot sign, and --public-key asks for a signature' }
  const text = await ask(signatureNameOf(name))
  if (text === null) {
    return {
      problem: `has no signature ${signatureNameOf(name)} beside it, and --public-key asks for one: publish it with the file (minisign -S)`,
    }
  }
  return { publicKey: parsePublicKey(publicKey), file: Buffer.from(text) }
}

interface Sums {
  readonly sums: Demands['sums']
  /** Why the best of those that are there does not count, as the end of a sentence. */
  readonly silent: string | null
}

const NO_SUMS: Sums = { sums: null, silent: null }

/** The first checksum file that knows the artifact; one that has no line for it is of something else. */
async function sumsOf({ siblings = [], name }: Release, ask: (name: string) => Promise<string | null>): Promise<Sums> {
  let silent: string | null = null
  for (const file of checksumFilesFor(siblings, name)) {
    const content = await ask(file)
    if (content === null) continue
    const why = silenceOf(content, name, file)
    if (why === null) return { sums: { file, content }, silent }
    silent ??= why
  }
  return { sums: null, silent }
}
