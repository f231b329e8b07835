/**
 * The work of a stager: check, gate, fetch, verify, unpack, look at the content, write down what is there. In this
 * order, because nothing is opened before its bytes are verified and nothing is fetched that would not be taken.
 *
 * A verdict on bytes is given only for what the bytes say. Whatever the network, the disk or the machine does on the
 * way is an `error`, and decides nothing.
 */

import { mkdir, statfs } from 'node:fs/promises'
import { fetcherFor } from '../../fetchers/index.ts'
import type { BuildId } from '../core/build.ts'
import { formatSize } from '../core/duration.ts'
import { AutoupError, errnoOf, messageOf, unreachable } from '../core/errors.ts'
import { isIncomplete, waitMsOf } from '../core/incomplete.ts'
import type { Check, FetchContext, Fetcher, Known, Release } from '../core/source.ts'
import { readBuild, readBuildFile } from '../store/build-file.ts'
import { checkSeal, isWhole } from '../store/check-seal.ts'
import { storeTrouble } from '../store/trouble.ts'
import { removeTree } from '../system/tree.ts'
import { kindByName } from '../trust/kinds.ts'
import { TRUST_LIMITS } from '../trust/limits.ts'
import { missingTool } from '../trust/unpack-tool.ts'
import { verifyFile } from '../trust/verify-file.ts'
import { bookOf } from './budgets.ts'
import { buildTree } from './build-tree.ts'
import { checkAnswer } from './check-answer.ts'
import { type Delivered, newDelivery } from './delivery.ts'
import { hostPlatform } from './host-platform.ts'
import { type Keeper, newKeeper } from './keeper.ts'
import { lazyHttpClient } from './lazy-http.ts'
import { heldReason } from './stage-gate.ts'
import { type StageProgress, type StagerOrder, type StageVerdict, scratchOf } from './stage-protocol.ts'
import { demandsOf, type Evidence, gatherEvidence } from './stage-trust.ts'

const PROGRESS_EVERY_MS = 250

/** Never rejects. */
export async function runStageJob(
  order: StagerOrder,
  report: (progress: StageProgress) => void,
  signal: AbortSignal,
): Promise<StageVerdict> {
  try {
    report({ type: 'checking' })
    const { fetcher, location } = await fetcherFor(order.source)
    const keeper = newKeeper({ folder: scratchOf(order.directory), maxBytes: order.maxBytes })
    const context = contextOf(order, location, keeper, report, signal)
    // Asked for again, what was turned down is looked at as if for the first time.
    const answer: unknown = await fetcher.check(context, order.again ? null : order.known)
    return await onCheck(order, checkAnswer(order.source, answer), { fetcher, context, keeper, report })
  } catch (error) {
    const wait = waiting(waitMsOf(error))
    if (isIncomplete(error)) return { type: 'incomplete', message: error.message, ...wait }
    return { type: 'error', message: messageOf(error), ...wait }
  } finally {
    await removeTree(scratchOf(order.directory)).catch(() => undefined)
  }
}

function contextOf(
  { directory, token, allowUnverified, budgets }: StagerOrder,
  location: string,
  keeper: Keeper,
  report: (progress: StageProgress) => void,
  signal: AbortSignal,
): FetchContext {
  return {
    location,
    platform: hostPlatform(),
    http: lazyHttpClient({ signal, allowPlain: allowUnverified }),
    token,
    scratch: scratchOf(directory),
    signal,
    keep: keeper.keep,
    budgets: bookOf(budgets, (key, budget) => report({ type: 'budget', key, budget })),
    warn: (message) => report({ type: 'warning', message }),
  }
}

interface Tools {
  readonly fetcher: Fetcher
  readonly context: FetchContext
  readonly keeper: Keeper
  readonly report: (progress: StageProgress) => void
}

async function onCheck(order: StagerOrder, check: Check, tools: Tools): Promise<StageVerdict> {
  switch (check.kind) {
    case 'unchanged': {
      const known = check.known ?? order.known
      if (order.here) return onAnotherLaunch(order, order.here, known, tools)
      return { type: 'unchanged', known, ...waiting(check.waitMs) }
    }
    case 'incomplete':
      return { type: 'incomplete', message: check.message, ...waiting(check.waitMs) }
    case 'nothing-for-this-platform':
      return { type: 'refused', id: null, version: '', reason: check.message, known: check.known }
    case 'release':
      return onRelease(order, check.release, check.known, tools)
    default:
      return unreachable(check)
  }
}

/** What is here was fetched under another launch, for which it may have failed. */
async function onAnotherLaunch(order: StagerOrder, id: BuildId, known: Known, tools: Tools): Promise<StageVerdict> {
  const existing = readBuildFile(order.store, id)
  if (existing === null || !isWhole(await checkSeal(order.store, id, { full: false }))) {
    const answer: unknown = await tools.fetcher.check(tools.context, null)
    return onCheck({ ...order, here: null }, checkAnswer(order.source, answer), tools)
  }
  const { version, ordered, proofs, stagedAt } = existing
  const { floorProblem } = await import('../core/version-gate.ts')
  const floorRule = { allowDowngrade: order.allowDowngrade, pinned: order.sha256 }
  const tooLow = floorProblem({ version, ordered, digest: null }, order.floor, floorRule)
  if (tooLow !== null) return { type: 'refused', id: null, version, reason: tooLow, known }
  const held = heldReason(order, id)
  if (held !== null) return { type: 'held', id, version, reason: held, known }
  return { type: 'staged', directory: null, build: { id, version, proofs, stagedAt }, known }
}

/** Whatever a plugin says, a wait is a whole number of milliseconds. */
function waiting(waitMs: number | null | undefined): { readonly waitMs?: number } {
  return Number.isSafeInteger(waitMs) && Number(waitMs) > 0 ? { waitMs: Number(waitMs) } : {}
}

async function onRelease(order: StagerOrder, release: Release, known: Known, tools: Tools): Promise<StageVerdict> {
  const { version, name } = release
  const refuse = (reason: string): StageVerdict => ({ type: 'refused', id: null, version, reason, known })
  tools.report({ type: 'found', version, name })
  const { ageProblem, floorProblem } = await import('../core/version-gate.ts')
  const publishedAt = release.publishedAt ? Date.parse(release.publishedAt) : null
  const young = ageProblem(version, publishedAt, order.minAgeMs, Date.now())
  if (young?.waitMs === null) return refuse(young.message)
  if (young) return { type: 'incomplete', message: young.message, ...waiting(young.waitMs) }
  const floorRule = { allowDowngrade: order.allowDowngrade, pinned: order.sha256 }
  const offered = { version, ordered: release.ordered, digest: release.isTree ? null : release.digest }
  const tooLow = floorProblem(offered, order.floor, floorRule)
  if (tooLow !== null) return refuse(tooLow)
  const evidence = await gatherEvidence(order, release, tools)
  if ('problem' in evidence) return refuse(`${name} ${evidence.problem}`)
  const proofs = evidence.pledged
  tools.report({ type: 'vouched', proofs })
  if (release.digest !== null) {
    const down = turnedDown(order, release, release.digest, known)
    if (down !== null) return down
    // What a signature or a checksum file says is said of bytes, so these have to come.
    const needsBytes = evidence.sums !== null || evidence.signature !== null
    const here = needsBytes ? null : await alreadyHere(order, release, release.digest, proofs, known)
    if (here !== null) return here
  }
  // No verdict: with the program installed it is taken at the next try, and until then nothing is downloaded for it.
  const missing = missingTool(kindByName(name))
  if (missing !== null) throw new AutoupError('failed', `${name} ${missing}`)
  const delivered = await fetchWhole(order, release, evidence, tools)
  if (typeof delivered === 'string') return refuse(delivered)
  if ((delivered.kind === 'tree') !== (release.isTree === true)) {
    throw new AutoupError(
      'failed',
      `${tools.fetcher.scheme} delivered another kind of thing than it announced: a tree must say so`,
    )
  }
  tools.report({ type: 'verifying' })
  if (delivered.kind === 'artifact') {
    const id = `sha256-${delivered.sha256}`
    const wrong = wrongDigest(release, id, tools.fetcher.scheme, known)
    if (wrong !== null) return wrong
    const otherBytes = floorProblem({ ...offered, digest: id }, order.floor, floorRule)
    if (otherBytes !== null) return refuse(otherBytes)
    const down = turnedDown(order, release, id, known)
    if (down !== null) return down
    const known256 = { size: delivered.size, hex: { sha256: delivered.sha256 } }
    const verified = await verifyFile(
      delivered.path,
      demandsOf(order, release, evidence, tools.fetcher.scheme),
      known256,
    )
    if (verified.verdict === 'refused') return refuse(`${name} ${verified.problem}`)
    const here = await alreadyHere(order, release, id, proofs, known)
    if (here !== null) return here
  }
  return stageTree(order, release, delivered, { proofs, known, scheme: tools.fetcher.scheme })
}

/** What can be said against a release once its digest is known: not the one asked for, or held back. */
function turnedDown(order: StagerOrder, { version }: Release, id: string, known: Known): StageVerdict | null {
  if (order.sha256 !== null && id !== `sha256-${order.sha256}`) {
    const reason = `its sha256 is ${id.slice(7)}, and --sha256 asks for ${order.sha256}`
    return { type: 'refused', id: null, version, reason, known }
  }
  const held = heldReason(order, id)
  return held === null ? null : { type: 'held', id, version, reason: held, known }
}

/** The same bytes were unpacked before; what vouches for them, and as which version, is said anew. */
async function alreadyHere(
  order: StagerOrder,
  { version }: Release,
  id: string,
  proofs: readonly string[],
  known: Known,
): Promise<StageVerdict | null> {
  const existing = readBuild(order.store, id)
  if (existing === null || !isWhole(await checkSeal(order.store, id, { full: false }))) return null
  const { stagedAt } = existing
  return { type: 'staged', directory: null, build: { id, version, proofs, stagedAt }, known }
}

/** What an earlier job had begun may have suffered: when it does not fit in the end, all of it is fetched once more. */
async function fetchWhole(
  order: StagerOrder,
  release: Release,
  evidence: Evidence,
  tools: Tools,
): Promise<Delivered | string> {
  const delivered = await fetchRelease(order, release, tools)
  if (typeof delivered === 'string' || delivered.kind === 'tree' || !delivered.isResumed) return delivered
  const { verdict } = await verifyFile(delivered.path, demandsOf(order, release, evidence, tools.fetcher.scheme))
  return verdict === 'verified' ? delivered : await fetchRelease(order, release, tools)
}

/** Or why its bytes are not taken, where the source itself verifies them, as npm does. */
async function fetchRelease(order: StagerOrder, release: Release, tools: Tools): Promise<Delivered | string> {
  await mustFit(order, release)
  // Not `recursive`: Node then says ENOENT for whatever the disk says. It is there when all is fetched once more.
  await mkdir(order.directory, { mode: 0o755 }).catch((error: unknown) => {
    if (errnoOf(error) !== 'EEXIST') throw error
  })
  let reportedAt = 0
  const delivery = newDelivery({
    folder: order.directory,
    partials: order.store.tmp,
    source: order.source,
    maxBytes: order.maxBytes,
    keeper: tools.keeper,
    onBytes: (bytes) => {
      const now = performance.now()
      if (now - reportedAt < PROGRESS_EVERY_MS) return
      reportedAt = now
      tools.report({ type: 'progress', bytes, total: release.size })
    },
  })
  try {
    await tools.fetcher.fetch(tools.context, release, delivery.sink)
  } catch (error) {
    if (error instanceof AutoupError && error.code === 'refused') return error.message
    throw isIncomplete(error) ? error : withPlace(error, order.directory)
  }
  const delivered = delivery.delivered()
  if (delivered === null)
    throw new AutoupError('failed', `${tools.fetcher.scheme} delivered nothing of ${release.name}`)
  if (delivered.kind === 'artifact' && release.size !== null && delivered.size !== release.size) {
    const sizes = `${delivered.size} bytes came, and ${release.size} were announced`
    throw new AutoupError('failed', `the download of ${release.name} is not whole: ${sizes}`)
  }
  return delivered
}

/** The disk must have room for what is announced; what is not announced fails when it is full. */
async function mustFit({ store, maxBytes }: StagerOrder, { size, name }: Release): Promise<void> {
  if (size === null) return
  if (size > maxBytes) {
    throw new AutoupError('failed', `${name} has ${formatSize(size)}, and at most ${formatSize(maxBytes)} are taken`)
  }
  const { bavail, bsize } = await statfs(store.tmp)
  const free = bavail * bsize
  if (free >= size + TRUST_LIMITS.spareBytes) return
  const need = formatSize(size + TRUST_LIMITS.spareBytes)
  throw new AutoupError('failed', `${store.root} has ${formatSize(free)} left and ${need} are needed: free some space`)
}

/** A local file has no word but its own: other bytes mean that it was replaced. Elsewhere they are wrong bytes. */
function wrongDigest(
  { version, digest, name }: Release,
  id: string,
  scheme: string,
  known: Known,
): StageVerdict | null {
  if (digest === null || digest === id) return null
  if (scheme === 'file') return { type: 'incomplete', message: `${name} changed while it was copied` }
  const reason = `its sha256 is ${id.slice(7)}, and the source says ${digest.slice(7)}`
  // The bytes may be right, and what the source says of them wrong.
  return { type: 'refused', id: null, version, reason, known }
}

interface Facts {
  readonly proofs: readonly string[]
  readonly known: Known
  readonly scheme: string
}

async function stageTree(
  order: StagerOrder,
  release: Release,
  delivered: Delivered,
  { proofs, known, scheme }: Facts,
): Promise<StageVerdict> {
  const { version } = release
  const stagedAt = new Date().toISOString()
  const built = await buildTree(order, release, delivered, { proofs, stagedAt }).catch((error: unknown) => {
    throw withPlace(error, order.directory)
  })
  if ('reason' in built) return { type: 'refused', id: built.id, version, reason: built.reason, known }
  const { id } = built
  if (delivered.kind === 'tree') {
    const wrong = wrongDigest(release, id, scheme, known)
    if (wrong !== null) return wrong
    const down = turnedDown(order, release, id, known) ?? (await alreadyHere(order, release, id, proofs, known))
    if (down !== null) return down
  }
  return { type: 'staged', directory: order.directory, build: { id, version, proofs, stagedAt }, known }
}

/** A full disk is said in the words of the operator; what is a sentence already stays one. */
function withPlace(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EROFS' ? storeTrouble('write', path, error) : error
}
