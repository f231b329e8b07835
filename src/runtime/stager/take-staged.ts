/** From a stager's word to a build in the store: what it has staged is sealed, what it says is there is looked up. */

import type { Build } from '../../core/build.ts'
import { AutoupError, messageOf } from '../../core/errors.ts'
import type { CheckEnd } from '../../core/pipeline.ts'
import { readBuild } from '../../store/build-file.ts'
import type { StorePaths } from '../../store/layout.ts'
import { finishStaging } from '../../store/seal.ts'
import type { StageVerdict } from './stage-protocol.ts'

/** What a stager said, as the core hears it: what is staged is in the store by then. Never rejects. */
export async function takeVerdict(paths: StorePaths, verdict: StageVerdict): Promise<CheckEnd> {
  switch (verdict.type) {
    case 'unchanged':
    case 'incomplete':
    case 'error':
      return verdict
    case 'held':
      return { ...verdict, build: verdict.id }
    case 'refused':
      return { ...verdict, build: verdict.id }
    case 'staged':
      try {
        return { type: 'staged', build: await takeStaged(paths, verdict), known: verdict.known }
      } catch (error) {
        const isRefused = error instanceof AutoupError && error.code === 'refused'
        if (!isRefused) return { type: 'error', message: messageOf(error) }
        const { id, version } = verdict.build
        return { type: 'refused', build: id, version, reason: messageOf(error), known: verdict.known }
      }
  }
}

/**
 * Throws AutoupError: `refused` for links that lead out, `failed` when it is not there, or the disk does not play
 * along.
 */
export async function takeStaged(
  paths: StorePaths,
  { directory, build }: Extract<StageVerdict, { type: 'staged' }>,
): Promise<Build> {
  if (directory !== null) return await finishStaging(paths, directory, build)
  const existing = readBuild(paths, build.id)
  if (!existing) throw new AutoupError('failed', `the build ${build.id} is gone from the store; it is staged again`)
  // The same bytes under another version, or vouched for anew.
  return { ...existing, version: build.version, proofs: build.proofs }
}
