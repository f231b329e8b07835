/**
 * What becomes of a release that a check has found: gate, fetch, verify, unpack, look at the content, write down what
 * is there. In this order, because nothing is opened before its bytes are verified and nothing is fetched that would
 * not be taken. Loaded only then: most checks find nothing.
 *
 * A verdict on bytes is given only for what the bytes say. Whatever the network, the disk or the machine does on the
 * way is an error, and decides nothing.
 */

import type { BuildId } from '../../core/build.ts'
import { AutoupError } from '../../core/errors.ts'
import { type Known, type Release, shownSource } from '../../core/source.ts'
import { floorProblem } from '../../core/version-gate.ts'
import { type BuildFile, readBuildFile } from '../../store/build-file.ts'
import { checkSeal, isWhole } from '../../store/check-seal.ts'
import { kindByName } from '../../trust/kinds.ts'
import { missingTool } from '../../trust/unpack-tool.ts'
import { verifyFile } from '../../trust/verify-file.ts'
import { buildTree } from './build-tree.ts'
import type { Delivered } from './delivery.ts'
import { fetchWhole, type Tools, withPlace } from './stage-fetch.ts'
import { floorRuleOf, type Gate, gateFor, heldReason } from './stage-gate.ts'
import type { StagerOrder, StageVerdict } from './stage-protocol.ts'
import { demandsOf, gatherEvidence } from './stage-trust.ts'

export async function onRelease(
  order: StagerOrder,
  release: Release,
  known: Known,
  tools: Tools,
): Promise<StageVerdict> {
  const { version, name } = release
  const { scheme } = tools.fetcher
  tools.report({ type: 'found', version, name })
  const gate = gateFor(order, release, known, scheme)
  const early = gate.beforeFetch()
  if (early !== null) return early
  const evidence = await gatherEvidence(order, release, tools)
  if ('problem' in evidence) return gate.refuse(`${name} ${evidence.problem}`)
  const facts = { version, proofs: evidence.pledged, known }
  tools.report({ type: 'vouched', proofs: facts.proofs })
  if (release.digest !== null) {
    const down = gate.onDigest(release.digest)
    if (down !== null) return down
    // What a signature or a checksum file says is said of bytes, so these have to come.
    const needsBytes = evidence.sums !== null || evidence.signature !== null
    const here = needsBytes ? null : await storedBuild(order, release.digest)
    if (here !== null) return stagedBefore(here, facts)
  }
  // No verdict: with the program installed it is taken at the next try, and until then nothing is downloaded for it.
  const missing = missingTool(kindByName(name))
  if (missing !== null) throw new AutoupError('failed', `${name} ${missing}`)
  const delivered = await fetchWhole(order, release, evidence, tools)
  if (typeof delivered === 'string') return gate.refuse(delivered)
  if ((delivered.kind === 'tree') !== (release.isTree === true)) {
    const what = 'delivered another kind of thing than it announced: a tree must say so'
    throw new AutoupError('failed', `the fetcher of ${shownSource(order.source)} ${what}`)
  }
  tools.report({ type: 'verifying' })
  if (delivered.kind === 'artifact') {
    const id = `sha256-${delivered.sha256}`
    const down = gate.onBytes(id)
    if (down !== null) return down
    const known256 = { size: delivered.size, hex: { sha256: delivered.sha256 } }
    const verified = await verifyFile(delivered.path, demandsOf(order, release, evidence, scheme), known256)
    if (verified.verdict === 'refused') return gate.refuse(`${name} ${verified.problem}`)
    const here = await storedBuild(order, id)
    if (here !== null) return stagedBefore(here, facts)
  }
  return stageTree(order, release, delivered, facts, gate)
}

/** What is here was fetched under another launch, for which it may have failed. Null where it is not here any more. */
export async function onAnotherLaunch(order: StagerOrder, id: BuildId, known: Known): Promise<StageVerdict | null> {
  const existing = await storedBuild(order, id)
  if (existing === null) return null
  const { version, ordered, proofs } = existing
  const tooLow = floorProblem({ version, ordered, digest: null }, order.floor, floorRuleOf(order))
  if (tooLow !== null) return { type: 'refused', id: null, version, reason: tooLow, known }
  const held = heldReason(order, id)
  if (held !== null) return { type: 'held', id, version, reason: held, known }
  return stagedBefore(existing, { version, proofs, known })
}

interface Facts {
  readonly version: string
  readonly proofs: readonly string[]
  readonly known: Known
}

async function stageTree(
  order: StagerOrder,
  release: Release,
  delivered: Delivered,
  { version, proofs, known }: Facts,
  gate: Gate,
): Promise<StageVerdict> {
  const stagedAt = new Date().toISOString()
  const built = await buildTree(order, release, delivered, { proofs, stagedAt }).catch((error: unknown) => {
    throw withPlace(error, order.directory)
  })
  if ('reason' in built) return { type: 'refused', id: built.id, version, reason: built.reason, known }
  const { id } = built
  // Of an artifact this was asked before it was opened.
  if (delivered.kind === 'tree') {
    const down = gate.onBytes(id)
    if (down !== null) return down
    const here = await storedBuild(order, id)
    if (here !== null) return stagedBefore(here, { version, proofs, known })
  }
  return { type: 'staged', directory: order.directory, build: { id, version, proofs, stagedAt }, known }
}

/** The same bytes were unpacked before, and are whole. */
async function storedBuild({ store }: StagerOrder, id: BuildId): Promise<BuildFile | null> {
  const existing = readBuildFile(store, id)
  return existing !== null && isWhole(await checkSeal(store, id, { full: false })) ? existing : null
}

/** What vouches for it, and as which version, is said anew. */
function stagedBefore({ id, stagedAt }: BuildFile, { version, proofs, known }: Facts): StageVerdict {
  return { type: 'staged', directory: null, build: { id, version, proofs, stagedAt }, known }
}
