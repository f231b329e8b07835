/**
 * The bytes of a release, from its source into the stager's folder: whole, and no more than there is room for. Whatever
 * goes wrong on the way is an error and decides nothing, unless the source itself has verified them and says so.
 */

import { mkdir, statfs } from 'node:fs/promises'
import { formatSize } from '../../core/duration.ts'
import { AutoupError, errnoOf } from '../../core/errors.ts'
import { isIncomplete } from '../../core/incomplete.ts'
import { type FetchContext, type Fetcher, type Release, shownSource } from '../../core/source.ts'
import { storeTrouble } from '../../store/trouble.ts'
import { TRUST_LIMITS } from '../../trust/limits.ts'
import { verifyFile } from '../../trust/verify-file.ts'
import { type Delivered, newDelivery } from './delivery.ts'
import { type Keeper, requireFit } from './keeper.ts'
import type { StageProgress, StagerOrder } from './stage-protocol.ts'
import { demandsOf, type Evidence } from './stage-trust.ts'

const PROGRESS_EVERY_MS = 250

export interface Tools {
  readonly fetcher: Fetcher
  readonly context: FetchContext
  readonly keeper: Keeper
  readonly report: (progress: StageProgress) => void
}

/**
 * Or why its bytes are not taken, where the source itself verifies them, as npm does. What came in pieces may be of two
 * files, and what an earlier job had begun may have suffered: when it does not fit, all of it is fetched once more.
 */
export async function fetchWhole(
  order: StagerOrder,
  release: Release,
  evidence: Evidence,
  tools: Tools,
): Promise<Delivered | string> {
  const delivered = await fetchRelease(order, release, tools)
  if (typeof delivered === 'string' || delivered.kind === 'tree' || !delivered.isPieced) return delivered
  const { verdict } = await verifyFile(delivered.path, demandsOf(order, release, evidence, tools.fetcher.scheme))
  return verdict === 'verified' ? delivered : await fetchRelease(order, release, tools)
}

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
    size: release.size,
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
  if (delivered === null) {
    const what = `the fetcher of ${shownSource(order.source)} delivered nothing of ${release.name}`
    throw new AutoupError('failed', `${what}: its fetch has to write into the sink before it is over`)
  }
  if (delivered.kind === 'artifact' && release.size !== null && delivered.size !== release.size) {
    const sizes = `${delivered.size} bytes came, and ${release.size} were announced`
    throw new AutoupError('failed', `the download of ${release.name} is not whole: ${sizes}`)
  }
  return delivered
}

/** The disk must have room for what is announced; what is not announced fails when it is full. */
async function mustFit({ store, maxBytes }: StagerOrder, { size, name }: Release): Promise<void> {
  if (size === null) return
  requireFit(name, size, maxBytes)
  const { bavail, bsize } = await statfs(store.tmp)
  const free = bavail * bsize
  if (free >= size + TRUST_LIMITS.spareBytes) return
  const need = formatSize(size + TRUST_LIMITS.spareBytes)
  throw new AutoupError('failed', `${store.root} has ${formatSize(free)} left and ${need} are needed: free some space`)
}

/** A full disk is said in the words of the operator; what is a sentence already stays one. */
export function withPlace(error: unknown, path: string): unknown {
  const code = errnoOf(error)
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EROFS' ? storeTrouble('write', path, error) : error
}
