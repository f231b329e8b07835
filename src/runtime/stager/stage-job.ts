/**
 * The work of a stager: the source is checked, and what it has is taken up (stage-release.ts). Whatever the network,
 * the disk or the machine does on the way is an `error`, and decides nothing.
 */

import { fetcherFor } from '../../../fetchers/index.ts'
import type { BuildId } from '../../core/build.ts'
import { messageOf, unreachable } from '../../core/errors.ts'
import { isIncomplete, waiting, waitMsOf } from '../../core/incomplete.ts'
import type { Check, FetchContext, Known } from '../../core/source.ts'
import { removeTree } from '../../system/tree.ts'
import { bookOf } from '../budgets.ts'
import { checkAnswer } from './check-answer.ts'
import { hostPlatform } from './host-platform.ts'
import { type Keeper, newKeeper } from './keeper.ts'
import { lazyHttpClient } from './lazy-http.ts'
import type { Tools } from './stage-fetch.ts'
import { type StageProgress, type StagerOrder, type StageVerdict, scratchOf } from './stage-protocol.ts'

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
      return (await import('./stage-release.ts')).onRelease(order, check.release, check.known, tools)
    default:
      return unreachable(check)
  }
}

async function onAnotherLaunch(order: StagerOrder, id: BuildId, known: Known, tools: Tools): Promise<StageVerdict> {
  const { onAnotherLaunch: ofBuild } = await import('./stage-release.ts')
  const verdict = await ofBuild(order, id, known)
  if (verdict !== null) return verdict
  const answer: unknown = await tools.fetcher.check(tools.context, null)
  return onCheck({ ...order, here: null }, checkAnswer(order.source, answer), tools)
}
