/**
 * Looks through the releases of a repository, with as few calls as do. A check asks for the first page alone, and a 304
 * ends it there. What older pages hold changes rarely, so all of them are read at first and then each hour; in between
 * the highest of them is remembered. Pages come newest first, but versions need not: that is why all are read.
 */

import { AutoupError } from '../../src/core/errors.ts'
import { type GithubRelease, readReleases } from './answer.ts'
import type { Answer, GithubApi } from './api.ts'
import type { GithubKnown } from './known.ts'
import { nothingWanted } from './sentences.ts'
import { type Candidate, compareVersions, selectRelease } from './versions.ts'

/** GitHub's own default: a year of most projects, in a tenth of the bytes of the largest page. */
const FIRST_PAGE = '?per_page=30'
const DEEP_PAGE = '?per_page=100'
/** A thousand releases; GitHub itself shows no more than ten thousand. */
const DEEP_PAGES = 10
const DEEP_EVERY_MS = 3_600_000

export interface Survey {
  /** Null: what was chosen before is the highest still, and nothing about it is known to have changed. */
  readonly best: Candidate | null
  readonly etag: string | null
  readonly deep: GithubKnown['deep']
  /** By what they are about. */
  readonly warnings: ReadonlyMap<string, string>
}

/** Throws AutoupError where nothing is wanted of what there is. */
export async function survey(api: GithubApi, known: GithubKnown | null): Promise<Survey> {
  const warnings = new Map<string, string>()
  const first = await api.get(`/releases${FIRST_PAGE}`, known?.etag ?? null)
  const moved = movedTo(api, first)
  if (moved !== null) warnings.set('moved', moved)
  const deep = known?.deep ?? null
  const isDeepOld = deep !== null && !isFresh(deep.at) && api.waitMs() === 0
  if (first.status === 304 && known !== null && !isDeepOld) {
    return { best: null, etag: known.etag, deep, warnings }
  }
  const releases = first.status === 304 ? [] : readReleases(first.body, api.url)
  const found = { etag: first.headers.etag ?? null, warnings }
  if (first.status === 200 && nextPage(first) === null) {
    return { ...found, best: highest(api, releases, warnings), deep: null }
  }
  if (deep !== null && !isDeepOld) {
    const best = withOlder(api, releases, deep, known?.chosen.id)
    if (best !== undefined) return { ...found, best, deep }
  }
  const all = await allPages(api, releases, warnings)
  const best = highest(api, all, warnings)
  const { release, version } = best
  return {
    ...found,
    etag: first.status === 304 ? (known?.etag ?? null) : found.etag,
    best,
    deep: { id: release.id, version, at: Date.now() },
  }
}

/** The higher one of the first page and of what is known of the others; undefined when all must be read again. */
function withOlder(
  { location }: GithubApi,
  releases: readonly GithubRelease[],
  deep: NonNullable<GithubKnown['deep']>,
  chosen: number | undefined,
): Candidate | null | undefined {
  const { best } = selectRelease(releases, location)
  if (best !== null && compareVersions(best.version, deep.version) >= 0) return best
  // It is here and not wanted any more, withdrawn or tagged anew; or what was above it is gone.
  if (chosen !== deep.id || releases.some(({ id }) => id === deep.id)) return undefined
  return null
}

function highest(api: GithubApi, releases: readonly GithubRelease[], warnings: Map<string, string>): Candidate {
  const selection = selectRelease(releases, api.location)
  if (selection.best === null) throw new AutoupError('failed', nothingWanted(api, releases, selection))
  const { ignored } = selection
  if (ignored.length > 0) {
    const tags = `${ignored.slice(0, 3).join(', ')}${ignored.length > 3 ? ', …' : ''}`
    warnings.set('ignored', `releases of ${api.name} whose tag is no version are ignored: ${tags}`)
  }
  return selection.best
}

async function allPages(
  api: GithubApi,
  first: readonly GithubRelease[],
  warnings: Map<string, string>,
): Promise<readonly GithubRelease[]> {
  const all = new Map(first.map((release) => [release.id, release]))
  let page: string | null = DEEP_PAGE
  for (let pages = 0; page !== null; pages++) {
    if (pages === DEEP_PAGES) {
      warnings.set('pages', `${api.name} has more than ${all.size} releases: older ones are not looked at`)
      break
    }
    const answer: Answer = await api.get(`/releases${page}`)
    for (const release of readReleases(answer.body, api.url)) all.set(release.id, release)
    page = nextPage(answer)
  }
  return [...all.values()]
}

/** The query of the next page; its address may be that of the repository by its id, and is not followed as it is. */
function nextPage({ headers }: Answer): string | null {
  const [, link] = /<([^<>]*)>\s*;[^,<]*\brel="?next"?/.exec(headers.link ?? '') ?? []
  return link !== undefined && URL.canParse(link) ? new URL(link).search : null
}

/** The API has answered for another address: the repository was renamed or given away. */
function movedTo(api: GithubApi, { url, status, body }: Answer): string | null {
  const asked = `${new URL(api.url).pathname.replace(/\/$/, '')}/repos/${api.name}/releases`
  if (new URL(url).pathname === asked) return null
  const html = status === 200 ? readReleases(body, api.url)[0]?.html_url : null
  const [, name] = /^https?:\/\/[^/]+\/([\w.-]+\/[\w.-]+)\/releases\//.exec(html ?? '') ?? []
  return `${api.name} has moved${name ? ` to ${name}` : ''}: write its new name in --fetch`
}

function isFresh(at: number): boolean {
  const age = Date.now() - at
  return age >= 0 && age < DEEP_EVERY_MS
}
