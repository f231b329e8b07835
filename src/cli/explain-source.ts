/** The newest release of a source, asked as a check asks; only sources that have files to choose from can be explained. */

import { fetcherFor } from '../../fetchers/index.ts'
import type { ArtifactPlatform } from '../core/artifact-choice.ts'
import { AutoupError } from '../core/errors.ts'
import { type Explanation, shownSource } from '../core/source.ts'
import { lazyHttpClient } from '../runtime/lazy-http.ts'
import { plainText } from '../runtime/stage-protocol.ts'
import { tokenFor } from '../runtime/token.ts'
import type { Io } from './io.ts'

const DEADLINE_MS = 60_000

/** Throws AutoupError `usage` for a source that offers no choice, `failed` for one that does not answer. */
export async function explainSource(source: string, platform: ArtifactPlatform, io: Io): Promise<Explanation> {
  const { fetcher, location } = await fetcherFor(source)
  if (!fetcher.explain) {
    const what = `${shownSource(source)} has no list of files to choose from`
    throw new AutoupError('usage', `${what}: give a github: source, or the names of the files with --names FILE`)
  }
  const signal = AbortSignal.timeout(DEADLINE_MS)
  const { os, arch, libc } = platform
  return await fetcher.explain({
    location,
    platform: { os, arch, libc: libc === 'musl' || libc === 'glibc' ? libc : null },
    signal,
    http: lazyHttpClient({ signal, allowPlain: false }),
    token: tokenFor(fetcher.scheme, { file: null, env: io.env }),
    scratch: '/nonexistent',
    warn: (message) => void io.stderr.write(`autoup: ${plainText(message)}\n`),
  })
}
