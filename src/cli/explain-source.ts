/**
 * The newest release of a source, asked as a check asks; only sources that have files to choose from can be explained.
 */

import { resolve } from 'node:path'
import { fetcherFor } from '../../fetchers/index.ts'
import type { ArtifactPlatform } from '../core/artifact/choice.ts'
import { AutoupError } from '../core/errors.ts'
import { type Explanation, shownSource } from '../core/source.ts'
import { clean } from '../report/clean.ts'
import { bookOf, loadBudgets, saveBudget } from '../runtime/budgets.ts'
import { lazyHttpClient } from '../runtime/stager/lazy-http.ts'
import { tokenFor } from '../runtime/stager/token.ts'
import type { Input } from './command.ts'
import type { Io } from './io.ts'
import { optionReader } from './option-reader.ts'
import { TOKEN_FILE } from './run-options.ts'
import { stateDirectory } from './where.ts'

const DEADLINE_MS = 60_000

/** Throws AutoupError `usage` for a source that offers no choice, `failed` for one that does not answer. */
export async function explainSource(
  source: string,
  platform: ArtifactPlatform,
  input: Input,
  io: Io,
): Promise<Explanation> {
  const { fetcher, location } = await fetcherFor(source)
  if (!fetcher.explain) {
    const what = `${shownSource(source)} has no list of files to choose from`
    throw new AutoupError(
      'usage',
      `${what}: give a github: source, a manifest, or the names of the files with --names FILE`,
    )
  }
  const tokenFile = optionReader({ input, io, app: null }).read(TOKEN_FILE.flag, (text) => text, null)
  const stateDir = stateDirectory(input, io)
  const signal = AbortSignal.timeout(DEADLINE_MS)
  const { os, arch, libc } = platform
  return await fetcher.explain({
    location,
    platform: { os, arch, libc: libc === 'musl' || libc === 'glibc' ? libc : null },
    signal,
    http: lazyHttpClient({ signal, allowPlain: false }),
    token: tokenFor(fetcher.scheme, { file: tokenFile && resolve(io.cwd, tokenFile), env: io.env }),
    scratch: '/nonexistent',
    budgets: bookOf(loadBudgets(stateDir), (key, budget) => saveBudget(stateDir, key, budget)),
    warn: (message) => void io.stderr.write(`autoup: ${clean(message)}\n`),
  })
}
