/**
 * All of a reload that can fail: the new settings against those that hold, what they name looked up, their new sockets
 * bound. Nothing that serves is touched; a refusal leaves nothing behind.
 */

import { fetcherFor } from '../../fetchers/index.ts'
import { COMMAND } from '../core/build.ts'
import { AutoupError } from '../core/errors.ts'
import type { AutoupEvent } from '../core/events.ts'
import type { Settings } from '../core/settings.ts'
import { compareSettings } from '../core/settings-change.ts'
import type { Policy } from '../core/state.ts'
import type { StorePaths } from '../store/layout.ts'
import { closeAll, type ListenerPlan, planListeners } from '../system/change-listeners.ts'
import type { Listener } from '../system/listeners.ts'
import type { Live } from './live.ts'
import { environmentOf, policyOf } from './policy.ts'
import { refuseFixedProbe, requireProof, workerUser } from './preconditions.ts'
import { sourceIntervalMs } from './stager/token.ts'
import { sharedSpecs } from './workers/doors.ts'
import { resolveLaunch } from './workers/launch.ts'
import { preloadFor } from './workers/preload.ts'

export interface Prepared extends Omit<Live, 'listeners'> {
  readonly plan: ListenerPlan
  readonly policy: Policy
  readonly changed: readonly string[]
  readonly needsWorkers: boolean
  /** Null: as many as there are. */
  readonly instances: number | null
}

export interface PrepareContext {
  readonly live: Readonly<Live>
  readonly paths: StorePaths
  readonly emit: (event: AutoupEvent) => void
  /** All that is open here. */
  readonly held: readonly Listener[]
}

/** Whoever does not use what is prepared closes the fresh listeners of its plan. Throws AutoupError. */
export async function prepareReload(
  settings: Settings,
  { live, paths, emit, held }: PrepareContext,
): Promise<Prepared> {
  const { changed, fixed, needsWorkers } = compareSettings(live.settings, settings)
  if (fixed.length > 0) {
    const names = fixed.join(' and ')
    throw new AutoupError('config', `${names} cannot change while it runs: stop it and start it again for that`)
  }
  const warn = (message: string): void => emit({ type: 'warning', message })
  refuseFixedProbe(settings)
  const user = workerUser(settings)
  const source = settings.source === null ? null : await fetcherFor(settings.source)
  if (source === null) resolveLaunch(paths, COMMAND, settings)
  const policy = policyOf(settings, source === null ? null : sourceIntervalMs(source.fetcher, settings))
  const instances = settings.instances === live.settings.instances ? null : settings.instances
  const environment = environmentOf(settings)
  // The same file may have something else in it.
  const isOther = environment !== live.environment
  const plan = planListeners(sharedSpecs(settings.listen), held)
  try {
    requireProof(settings, plan.entries.length, warn)
  } catch (error) {
    closeAll(plan.fresh)
    throw error
  }
  const isSamePreload = settings.preload === live.settings.preload && settings.user === live.settings.user
  const preload = isSamePreload ? live.preload : preloadFor({ settings, paths, user }, warn)
  return {
    ...{ settings, user, source, environment, preload, policy, plan, instances },
    changed: isOther && !changed.includes('env-file') ? [...changed, 'env-file'] : changed,
    needsWorkers: needsWorkers || isOther,
  }
}
