/**
 * `github:owner/repo`, the releases of a repository on GitHub or GHES. The highest version by semver is taken, never
 * GitHub's idea of the latest, and of it the asset that is for this machine. The master holds this file; the rest is
 * loaded by the stager when it is needed.
 */

import { AutoupError } from '../src/core/errors.ts'
import { incomplete } from '../src/core/incomplete.ts'
import { DEFAULTS } from '../src/core/settings.ts'
import type { FetchContext, Fetcher, Piece, Release } from '../src/core/source.ts'
import type { GithubApi } from './github/api.ts'
import type { GithubDetail } from './github/check.ts'

/** Checksum files and signatures are smaller. */
const COMPANION_BYTES = 1_048_576

/**
 * Half of the 60 calls an hour that an address has without a token, since there each check costs one. The other half is
 * for downloads (an asset and up to three companions), for a reading of all pages each hour, for what the operator asks
 * for by hand, and for a second service behind the same address.
 */
const WITHOUT_TOKEN_MS = 120_000

export const githubFetcher: Fetcher = {
  scheme: 'github',
  intervalMs: DEFAULTS.intervalMs,
  intervalWithoutTokenMs: WITHOUT_TOKEN_MS,

  async check(context, known) {
    const { checkGithub } = await import('./github/check.ts')
    return await checkGithub(context, known)
  },

  async explain(context) {
    const { explainGithub } = await import('./github/explain.ts')
    return await explainGithub(context)
  },

  async fetch(context, release, into) {
    const api = await apiOf(context)
    const { asset, identity } = release.detail as GithubDetail
    await into.artifact((from) => open(api, asset, release, from), identity)
  },

  async companion(context, release, name) {
    const { assets } = release.detail as GithubDetail
    const id = Object.hasOwn(assets, name) ? assets[name] : undefined
    if (id === undefined) return null
    const api = await apiOf(context)
    const answer = await api.assetText(id, COMPANION_BYTES)
    if (answer.status === 200) return answer.body
    if (answer.status === 404) return null
    throw api.refusal(answer, answer.body, `file ${name} in`)
  },
}

async function open(api: GithubApi, asset: number, release: Release, from: number): Promise<Piece> {
  const answer = await api.asset(asset, from)
  const { status, headers, bytes, cancel } = answer
  if (status === 200) return { from: 0, bytes }
  if (status === 206 && headers['content-range']?.startsWith(`bytes ${from}-`)) return { from, bytes }
  await cancel()
  // It is not what it was.
  if (from > 0 && (status === 206 || status === 416)) return await open(api, asset, release, 0)
  if (status === 404) throw incomplete(`${release.name} of ${api.name} is gone: it was replaced while it was fetched`)
  if (status === 206 || status < 400) {
    throw new AutoupError('failed', `${release.name} of ${api.name} does not come: the answer was ${status}`)
  }
  throw api.refusal(answer, '', `file ${release.name} in`)
}

async function apiOf(context: FetchContext): Promise<GithubApi> {
  const { GithubApi } = await import('./github/api.ts')
  const { parseGithubLocation } = await import('./github/location.ts')
  const { apiUrl } = await import('./github/url.ts')
  const url = apiUrl(process.env.GITHUB_API_URL, context.token !== null)
  return new GithubApi(context, parseGithubLocation(context.location), url)
}
