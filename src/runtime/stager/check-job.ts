/** What a stager is ordered to do: from the settings, and from what the ledger knows of earlier checks. */

import type { BuildId } from '../../core/build.ts'
import { haveSameRules, type Settings } from '../../core/settings.ts'
import type { State } from '../../core/state.ts'
import { isStored } from '../../store/build-file.ts'
import type { StorePaths } from '../../store/layout.ts'
import { TRUST_LIMITS } from '../../trust/limits.ts'
import type { StageJob } from './stage-protocol.ts'
import { tokenFor } from './token.ts'

/**
 * The order for a stager, from what the operator asked for. `scheme` is that of the fetcher: its token is looked for.
 */
export function stageJob(
  settings: Settings,
  paths: StorePaths,
  scheme: string,
  policy: Pick<StageJob, 'known' | 'here' | 'floor' | 'ratchet' | 'quarantined' | 'again' | 'budgets'>,
): StageJob {
  const { source, sha256, command, name } = settings
  return {
    ...policy,
    source: source ?? '',
    store: paths,
    sha256,
    command: command[0] ?? null,
    project: name,
    searchPath: process.env.PATH ?? '',
    maxBytes: TRUST_LIMITS.artifactBytes,
    token: tokenFor(scheme, { file: settings.tokenFile, env: process.env }),
    allowUnverified: settings.allowUnverified,
    allowDowngrade: settings.allowDowngrade,
    publicKey: settings.publicKey,
    minAgeMs: settings.minAgeMs,
  }
}

/** The version in service, and the build that is in service as it. */
export function floorOf({ floor, committed }: State['ledger']): StageJob['floor'] {
  return floor === null ? null : { version: floor, build: committed?.version === floor ? committed.id : null }
}

export const NOTHING_KNOWN: { readonly known: null; readonly here: null } = { known: null, here: null }

/** As if this source was never asked. */
export function asNew(state: State): State {
  return { ...state, ledger: { ...state.ledger, known: null } }
}

/**
 * What the last check of this source remembered, unless the build that it led to is gone. Another launch lifts
 * verdicts, so what that led to is to be staged again; it is in the store, and need not be fetched, as long as the
 * rules of trust are the same.
 */
export function knownOf(
  { ledger, policy }: State,
  paths: StorePaths,
): { readonly known: unknown; readonly here: BuildId | null } {
  const { known, committed, candidate } = ledger
  if (known === null || known.source !== policy.source) return NOTHING_KNOWN
  const { value, build, look } = known
  const staged = [committed, candidate?.build].find((each) => each?.id === build)
  if (staged && !isStored(paths, staged.id)) return NOTHING_KNOWN
  if (look === policy.look) return { known: value, here: null }
  if (build === null || !haveSameRules(look, policy.look)) return NOTHING_KNOWN
  return { known: value, here: build === committed?.id ? null : build }
}
