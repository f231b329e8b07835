/**
 * A GitHub of one's own, on two loopback ports: the API, and the host that assets are on. Answers and their headers
 * are the recorded ones of @octokit/fixtures with other values filled in; the rules are those of the documentation:
 * pages and their Link header, ETag and 304, budgets with and without a token, 404 for what may not be seen, 301 for
 * what has moved. Everything that is asked is written down. Ends with its test.
 */

import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { type ApiAsset, type ApiRelease, send, sendBytes, TEMPLATE } from './github-recorded.ts'
import { serveHttp } from './web.ts'

export type { ApiAsset, ApiRelease } from './github-recorded.ts'

export interface Asked {
  readonly host: 'api' | 'assets'
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly status: number
}

export interface NewRelease {
  /** Bytes by name; a text may be given. */
  assets?: Readonly<Record<string, Buffer | string>>
  draft?: boolean
  prerelease?: boolean
  /** Default: an hour ago, so that nothing more is expected of it. */
  publishedAt?: Date
  /** Whether GitHub has hashed the assets. Default true. */
  hasDigests?: boolean
}

export interface Refusal {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly message?: string
}

export interface GithubOptions {
  /** The only token that is good. Default `ghp_good`. */
  token?: string
  /** Nothing is seen without it. */
  isPrivate?: boolean
  /** Of an address without a token, and with one. */
  limits?: { readonly anonymous: number; readonly token: number }
  /** No page is larger. */
  pageSize?: number
  /** `owner/repo`. Default `org/app`. */
  name?: string
}

export interface Github {
  /** For GITHUB_API_URL. */
  readonly url: string
  readonly asked: readonly Asked[]
  readonly token: string
  /** Newest first, as the API lists them; may be changed in place. */
  readonly releases: ApiRelease[]
  /** Puts a release on top. */
  publish(tag: string, release?: NewRelease): ApiRelease
  attach(release: ApiRelease, name: string, bytes: Buffer | string, state?: ApiAsset['state']): ApiAsset
  /** What an asset consists of from now on; the API goes on saying what it said. */
  replaceBytes(asset: ApiAsset, bytes: Buffer | string): void
  move(to: string): void
  /** Every answer with releases is changed so on its way; null lets them be. */
  garble(change: ((text: string) => Buffer) | null): void
  /** The next calls end so. */
  refuse(...refusals: Refusal[]): void
  /** Calls left of the budget of who has no token. */
  setAnonymousLeft(calls: number): void
  /** Downloads end after this many bytes; null lets them be. */
  cutDownloads(after: number | null): void
  /** Calls of the API so far. */
  calls(): number
}

const HOUR_MS = 3_600_000
const REPOSITORY = 1_000

export async function startGithub(options: GithubOptions = {}): Promise<Github> {
  const { token = 'ghp_good', isPrivate = false, pageSize = 100 } = options
  const limits = options.limits ?? { anonymous: 60, token: 5_000 }
  const used = { anonymous: 0, token: 0 }
  const resetAt = Math.ceil((Date.now() + HOUR_MS) / 1_000)
  const asked: Asked[] = []
  const releases: ApiRelease[] = []
  const contents = new Map<number, Buffer>()
  const refusals: Refusal[] = []
  let name = options.name ?? 'org/app'
  let oldName: string | null = null
  let cutAfter: number | null = null
  let garbling: ((text: string) => Buffer) | null = null
  let ids = 2_000

  const { origin: assets } = await serveHttp((request, response) => {
    const id = Number(/^\/asset\/(\d+)\?/.exec(request.url ?? '')?.[1])
    const bytes = contents.get(id)
    note('assets', request, response)
    if (bytes === undefined) return void response.writeHead(404).end()
    sendBytes(request, response, bytes, cutAfter)
  })
  const { origin: api } = await serveHttp((request, response) => {
    note('api', request, response)
    answer(request, response)
  })

  function note(
    host: Asked['host'],
    { method = '', url: path = '', headers }: IncomingMessage,
    response: ServerResponse,
  ) {
    const entry = { host, method, path, headers, status: 0 }
    asked.push(entry)
    const writeHead = response.writeHead.bind(response) as (status: number, ...rest: unknown[]) => ServerResponse
    response.writeHead = ((status: number, ...rest: unknown[]) => {
      entry.status = status
      return writeHead(status, ...rest)
    }) as typeof response.writeHead
  }

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', api)
    const { authorization } = request.headers
    if (authorization !== undefined && authorization !== `Bearer ${token}`) {
      return send(response, 401, { message: 'Bad credentials', documentation_url: 'https://docs.github.com/rest' })
    }
    const who = authorization === undefined ? 'anonymous' : 'token'
    const refusal = refusals.shift()
    if (refusal) {
      const { status, message = 'You have exceeded a secondary rate limit.', headers } = refusal
      return send(response, status, { message }, { ...budget(who), ...headers })
    }
    if (used[who] >= limits[who]) {
      return send(response, 403, { message: 'API rate limit exceeded for 127.0.0.1.' }, budget(who))
    }
    const { status, body, headers = {} } = find(url, request.headers, who === 'token')
    const etag = status === 200 ? `W/"${createHash('sha256').update(JSON.stringify(body)).digest('hex')}"` : null
    const isSame = etag !== null && request.headers['if-none-match'] === etag
    // Costs nothing, but only for those who say who they are.
    if (!(isSame && who === 'token')) used[who]++
    if (isSame) return void response.writeHead(304, { ...budget(who), etag, ...headers }).end()
    const isReleases = status === 200 && url.pathname.includes('/releases')
    const told = garbling === null || !isReleases || body === '' ? body : garbling(JSON.stringify(body))
    send(response, status, told, { ...budget(who), ...(etag === null ? {} : { etag }), ...headers })
  }

  function find(url: URL, asking: IncomingHttpHeaders, isKnown: boolean): Found {
    const [, place = '', rest = ''] = /^\/(repos\/[^/]+\/[^/]+|repositories\/\d+)(\/.*)?$/.exec(url.pathname) ?? []
    if (oldName !== null && place === `repos/${oldName}`) {
      const location = `${api}/repositories/${REPOSITORY}${rest}${url.search}`
      return { status: 301, body: { ...TEMPLATE.moved, url: location }, headers: { location } }
    }
    const isHere = place === `repos/${name}` || place === `repositories/${REPOSITORY}`
    if (!isHere || (isPrivate && !isKnown)) return NOT_FOUND
    const visible = releases.filter(({ draft }) => !draft || isKnown)
    if (rest === '/releases') return page(url, visible)
    const [, kind, id] = /^\/releases\/(assets\/)?(\d+)$/.exec(rest) ?? []
    if (kind === undefined && id !== undefined) {
      const release = visible.find((each) => each.id === Number(id))
      return release ? { status: 200, body: release } : NOT_FOUND
    }
    const asset = visible.flatMap((each) => each.assets).find((each) => each.id === Number(id))
    if (asset === undefined) return NOT_FOUND
    if (asking.accept !== 'application/octet-stream') return { status: 200, body: asset }
    const location = `${assets}/asset/${asset.id}?signature=abc`
    return { status: 302, body: '', headers: { location } }
  }

  function page(url: URL, all: readonly ApiRelease[]): Found {
    const size = Math.min(pageSize, Number(url.searchParams.get('per_page') ?? 30))
    const number = Number(url.searchParams.get('page') ?? 1)
    const last = Math.max(1, Math.ceil(all.length / size))
    const link = (to: number, rel: string) => {
      const query = new URLSearchParams({ ...Object.fromEntries(url.searchParams), page: String(to) })
      return `<${api}/repositories/${REPOSITORY}/releases?${query}>; rel="${rel}"`
    }
    const links = [
      ...(number > 1 ? [link(number - 1, 'prev')] : []),
      ...(number < last ? [link(number + 1, 'next'), link(last, 'last')] : []),
      ...(number > 1 ? [link(1, 'first')] : []),
    ]
    const body = all.slice((number - 1) * size, number * size)
    return { status: 200, body, headers: links.length > 0 ? { link: links.join(', ') } : {} }
  }

  function budget(who: keyof typeof used): Record<string, string> {
    return {
      'x-ratelimit-limit': String(limits[who]),
      'x-ratelimit-remaining': String(Math.max(0, limits[who] - used[who])),
      'x-ratelimit-used': String(used[who]),
      'x-ratelimit-reset': String(resetAt),
      'x-ratelimit-resource': 'core',
    }
  }

  function attach(release: ApiRelease, file: string, content: Buffer | string, state: ApiAsset['state'] = 'uploaded') {
    const bytes = Buffer.from(content)
    const id = ids++
    const asset: ApiAsset = {
      ...TEMPLATE.asset,
      id,
      name: file,
      state,
      url: `${api}/repos/${name}/releases/assets/${id}`,
      size: bytes.length,
      digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
      created_at: new Date().toISOString(),
      updated_at: new Date().toISOString(),
    }
    contents.set(id, bytes)
    release.assets.push(asset)
    return asset
  }

  return {
    url: api,
    asked,
    token,
    releases,
    publish(tag, { assets: files = {}, draft = false, prerelease = false, publishedAt, hasDigests = true } = {}) {
      const at = (publishedAt ?? new Date(Date.now() - HOUR_MS)).toISOString()
      const release: ApiRelease = {
        ...TEMPLATE.release,
        id: ids++,
        tag_name: tag,
        name: tag,
        html_url: `https://github.com/${name}/releases/tag/${tag}`,
        draft,
        prerelease,
        created_at: at,
        published_at: draft ? null : at,
        assets: [],
      }
      for (const [file, bytes] of Object.entries(files)) {
        const asset = attach(release, file, bytes)
        Object.assign(asset, { created_at: at, updated_at: at, ...(hasDigests ? {} : { digest: null }) })
      }
      releases.unshift(release)
      return release
    },
    attach,
    replaceBytes: (asset, bytes) => void contents.set(asset.id, Buffer.from(bytes)),
    move(to) {
      oldName = name
      name = to
      for (const release of releases) release.html_url = `https://github.com/${to}/releases/tag/${release.tag_name}`
    },
    garble(change) {
      garbling = change
    },
    refuse: (...more) => void refusals.push(...more),
    setAnonymousLeft(calls) {
      used.anonymous = limits.anonymous - calls
    },
    cutDownloads(after) {
      cutAfter = after
    },
    calls: () => asked.filter(({ host }) => host === 'api').length,
  }
}

interface Found {
  readonly status: number
  readonly body: unknown
  readonly headers?: Record<string, string>
}

const NOT_FOUND: Found = {
  status: 404,
  body: { message: 'Not Found', documentation_url: 'https://docs.github.com/rest', status: '404' },
}
