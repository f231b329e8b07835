/**
 * The calls to the GitHub API, one after the other: the right headers, the token, the budget, and a sentence for each
 * way in which GitHub says no. The token goes to the API's own origin only, so no address out of an answer is asked:
 * all are made here.
 */

import { AutoupError } from '../../src/core/errors.ts'
import { notBefore } from '../../src/core/incomplete.ts'
import type { FetchContext, HttpAnswer } from '../../src/core/source.ts'
import { readErrorMessage } from './answer.ts'
import { type Budget, budgetKey, clock, limitedMs, paceMs, readBudget, spend, spentMs } from './budget.ts'
import type { GithubLocation } from './location.ts'

/** Of one page of releases; a page of a project with a hundred assets in each is 6 MB. */
const PAGE_BYTES = 33_554_432

const HEADERS = { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' }

export type Answer = HttpAnswer & { readonly body: string }

export class GithubApi {
  /** Without a slash at its end. */
  readonly url: string
  readonly location: GithubLocation
  readonly #context: FetchContext
  readonly #key: string
  #calls: Budget | null
  #blockedUntil: number | null

  /** `url` is that of `apiUrl`. */
  constructor(context: FetchContext, location: GithubLocation, url: string) {
    this.url = url
    this.location = location
    this.#context = context
    this.#key = budgetKey(url, context.token)
    const remembered = context.budgets?.of(this.#key) ?? null
    this.#calls = remembered?.calls ?? null
    this.#blockedUntil = remembered?.blockedUntil ?? null
  }

  get name(): string {
    return `${this.location.owner}/${this.location.repo}`
  }

  /** How long the next check must wait so that the budget lasts. */
  waitMs(): number {
    return paceMs(this.#calls, Date.now())
  }

  /** `path` begins with a slash and follows the repository. A 200, or a 304 where `etag` is given; else it throws. */
  async get(path: string, etag: string | null = null): Promise<Answer> {
    const conditional = etag === null ? {} : { 'if-none-match': etag }
    const answer = await this.#ask((http) =>
      http.text(this.#address(path), {
        headers: { ...HEADERS, ...conditional },
        bearer: this.#context.token,
        maxBytes: PAGE_BYTES,
      }),
    )
    if (!this.#isOwn(answer)) {
      throw new AutoupError(
        'failed',
        `${this.url} sends to ${new URL(answer.url).origin}, which is not followed: set GITHUB_API_URL to where it is`,
      )
    }
    if (answer.status === 200 || (answer.status === 304 && etag !== null)) return answer
    throw this.refusal(answer, answer.body, 'repository')
  }

  /** The bytes of an asset, from an offset on: by its id, since that is what a private repository answers to. */
  asset(id: number, from: number): ReturnType<FetchContext['http']['stream']> {
    const range = from === 0 ? {} : { range: `bytes=${from}-` }
    return this.#ask((http) =>
      http.stream(this.#address(`/releases/assets/${id}`), {
        headers: { ...HEADERS, accept: 'application/octet-stream', ...range },
        bearer: this.#context.token,
      }),
    )
  }

  assetText(id: number, maxBytes: number): Promise<Answer> {
    return this.#ask((http) =>
      http.text(this.#address(`/releases/assets/${id}`), {
        headers: { ...HEADERS, accept: 'application/octet-stream' },
        bearer: this.#context.token,
        maxBytes,
      }),
    )
  }

  /** What an answer that is no success means. It may be of the asset host, where the budget is not meant. */
  refusal(answer: HttpAnswer, body: string, what: string): AutoupError {
    const { status, headers } = answer
    const message = readErrorMessage(body)
    const limited = limitedMs(status, headers, message, Date.now())
    if (limited === null)
      return notBefore(new AutoupError('failed', this.#sentence(status, message, what)), this.waitMs())
    if (this.#isOwn(answer)) {
      this.#blockedUntil = Date.now() + limited
      this.#note()
    }
    return this.#limited(limited)
  }

  /** Every call goes through here: none is made that would be refused, and what each answer says is noted. */
  async #ask<T extends HttpAnswer>(call: (http: FetchContext['http']) => Promise<T>): Promise<T> {
    const now = Date.now()
    const waitMs = Math.max(spentMs(this.#calls, now), (this.#blockedUntil ?? 0) - now)
    if (waitMs > 0) {
      this.#note()
      throw this.#limited(waitMs)
    }
    const answer = await call(this.#context.http)
    this.#calls = (this.#isOwn(answer) ? readBudget(answer.headers, Date.now()) : null) ?? spend(this.#calls)
    this.#blockedUntil = null
    this.#note()
    return answer
  }

  #note(): void {
    this.#context.budgets?.note(this.#key, { calls: this.#calls, blockedUntil: this.#blockedUntil })
  }

  #isOwn({ url }: HttpAnswer): boolean {
    return new URL(url).origin === new URL(this.url).origin
  }

  #sentence(status: number, message: string, what: string): string {
    const said = message === '' ? `${status}` : `${status}, ${message}`
    const hasToken = this.#context.token !== null
    if (status === 401) return `${this.url} does not accept the token (${said}): give one that is valid`
    if (status === 404) {
      const why = hasToken
        ? 'it does not exist, or the token may not read it: check the name and what the token allows'
        : 'it does not exist or it is private: check the name, or give a token with GH_TOKEN or --token-file'
      return `there is no ${what} ${this.name} at ${this.url}: ${why}`
    }
    if (status === 403) {
      const advice = hasToken ? 'check what the token allows' : 'give a token with GH_TOKEN or --token-file'
      return `${this.url} refuses to show ${this.name} (${said}): ${advice}`
    }
    return `${this.url} answers with ${said} for ${this.name}: it is asked again later`
  }

  #limited(waitMs: number): AutoupError {
    const until = clock(Date.now() + waitMs)
    const whose = this.#calls === null ? 'calls' : `${this.#calls.limit} calls an hour`
    const advice = this.#context.token === null ? '; with a token in GH_TOKEN or --token-file there are more' : ''
    return notBefore(
      new AutoupError('failed', `${this.url} allows no more of its ${whose} until ${until}${advice}`),
      Math.max(1_000, waitMs),
    )
  }

  #address(path: string): string {
    return `${this.url}/repos/${this.name}${path}`
  }
}
