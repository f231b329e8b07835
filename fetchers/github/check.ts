/**
 * A check of `github:`: the highest wanted release, the asset of it that is for this machine, and whether anything
 * about the two has changed since the last check. It is loaded by the stager only, with all that it needs.
 */

import { createHash } from 'node:crypto'
import type { Check, FetchContext, Known, Release } from '../../src/core/source.ts'
import type { GithubAsset, GithubRelease } from './answer.ts'
import { GithubApi } from './api.ts'
import { lastChange, pickAsset } from './asset.ts'
import { asKnown, type GithubKnown } from './known.ts'
import { parseGithubLocation } from './location.ts'
import { type Survey, survey } from './survey.ts'
import { apiUrl } from './url.ts'
import type { Candidate } from './versions.ts'

/** What a fetch needs of the check before it. */
export interface GithubDetail {
  readonly asset: number
  /** What its bytes are known by, for a download that is taken up again. */
  readonly identity: string
  /** The id of each asset by its name. */
  readonly assets: Readonly<Record<string, number>>
}

export async function checkGithub(context: FetchContext, remembered: Known | null): Promise<Check> {
  const location = parseGithubLocation(context.location)
  const url = apiUrl(process.env.GITHUB_API_URL, context.token !== null)
  const known = asKnown(remembered, url)
  const api = new GithubApi(context, location, url)
  const found = await survey(api, known)
  const next = (change: Partial<GithubKnown>, base: GithubKnown): GithubKnown => ({
    ...base,
    etag: found.etag,
    deep: found.deep,
    said: say(context, found, known),
    ...change,
  })
  const unchanged = (of: GithubKnown): Check => {
    const waitMs = api.waitMs()
    return {
      kind: 'unchanged',
      known: next({}, of),
      ...(waitMs > 0 ? { waitMs } : {}),
    }
  }
  if (found.best === null && known !== null) return unchanged(known)
  const { release, version } = found.best as Candidate
  const fingerprint = fingerprintOf(release)
  if (known?.chosen.id === release.id && known.chosen.fingerprint === fingerprint) return unchanged(known)
  const shape = known?.shape ?? null
  const picked = pickAsset(release, { location, platform: context.platform, version, shape, now: Date.now() })
  if (picked.kind === 'incomplete') {
    const waitMs = api.waitMs()
    return { kind: 'incomplete', message: picked.message, ...(waitMs > 0 ? { waitMs } : {}) }
  }
  const chosen = { id: release.id, version, fingerprint }
  const base = { kind: 'github', api: url, etag: null, deep: null, said: [], chosen } as const
  if (picked.kind === 'nothing') {
    return {
      kind: 'nothing-for-this-platform',
      message: picked.message,
      known: next({}, { ...base, shape }),
    }
  }
  const digest = digestOf(picked.asset)
  return {
    kind: 'release',
    release: releaseOf(release, version, picked.asset, digest),
    known: next({}, { ...base, shape: picked.shape }),
  }
}

function releaseOf(release: GithubRelease, version: string, asset: GithubAsset, digest: string | null): Release {
  const uploaded = release.assets.filter(({ state }) => state === 'uploaded')
  const changedAt = lastChange(release)
  const detail: GithubDetail = {
    asset: asset.id,
    identity: digest ?? `${asset.id}-${asset.size}-${asset.updated_at}`,
    assets: Object.fromEntries(uploaded.map(({ name, id }) => [name, id])),
  }
  return {
    version,
    name: asset.name,
    size: asset.size,
    digest,
    ordered: true,
    siblings: uploaded.map(({ name }) => name).filter((name) => name !== asset.name),
    publishedAt: Number.isNaN(changedAt) ? null : new Date(changedAt).toISOString(),
    detail,
  }
}

/** GitHub has hashed what was uploaded; any other algorithm is none that builds are named by. */
function digestOf({ digest }: GithubAsset): string | null {
  const [, hex] = /^sha256:([0-9a-f]{64})$/i.exec(digest ?? '') ?? []
  return hex === undefined ? null : `sha256-${hex.toLowerCase()}`
}

/** Not of the number of downloads, which changes all the time. */
function fingerprintOf({ tag_name, assets }: GithubRelease): string {
  const parts = assets.map(({ id, name, state, size, digest, updated_at }) => [
    id,
    name,
    state,
    size,
    digest,
    updated_at,
  ])
  return createHash('sha256')
    .update(JSON.stringify([tag_name, parts.sort()]))
    .digest('hex')
    .slice(0, 32)
}

/** Each warning once, as long as it is remembered that it was given. */
function say(context: FetchContext, { warnings }: Survey, known: GithubKnown | null): readonly string[] {
  const said = known?.said ?? []
  for (const [about, message] of warnings) if (!said.includes(about)) context.warn(message)
  return [...new Set([...said, ...warnings.keys()])]
}
