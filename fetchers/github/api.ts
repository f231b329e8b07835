/**
 * The calls to the GitHub API, one after the other: the right headers, the token, the budget, and a sentence for each
 * way in which GitHub says no. The token goes to the API's own origin only, so no address out of an answer is asked:
 * all are made here.
 */

import { AutoupError } from '../../src/core/errors.ts'
import { notBefore } from '../../src/core/incomplete.ts'
import type { FetchContext, HttpAnswer } from '../../src/core/source.ts'
import { readErrorMessage } from './answer.ts'
import { type Budget, clock, limitedMs, paceMs, readBudget, spentMs } from './budget.ts'
import type { GithubLocation } from './location.ts'

/** Of one page of releases; a page of a project with a hundred assets in each is 6 MB. */
const PAGE_BYTES = 33_554_432

const HEADERS = { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' }

export type Answer = HttpAnswer & { readonly body: string }

export class GithubApi {
  /** Without a slash at its end. */
  readonly url: string
  readonly location: GithubLocation
  /** As the last answer said. */
  budget: Budget | null
  readonly #context: FetchContext

  /** `url` is that of `apiUrl`; `budget` what is remembered. */
  constructor(context: FetchContext, location: GithubLocation, url: string, budget: Budget | null) {
    this.url = url
    this.location = location
    this.budget = budget
    this.#context = context
  }

  get name(): string {
    return `${this.location.owner}/${this.location.repo}`
  }

  /** How long the next check must wait so that the budget lasts. */
  waitMs(): number {
    return paceMs(this.budget, Date.now())
  }

  /** `path` begins with a slash and follows the repository. A 200, or a 304 where `etag` is given; else it throws. */
  async get(path: string, etag: string | null = null): Promise<Answer> {
    const spent = spentMs(this.budget, Date.now())
    if (spent > 0) throw this.#limited(spent)
    const conditional = etag === null ? {} : { 'if-none-match': etag }
    const answer = await this.#context.http.text(this.#address(path), {
      headers: { ...HEADERS, ...conditional },
      bearer: this.#context.token,
      maxBytes: PAGE_BYTES,
    })
    this.budget = readBudget(answer.headers, Date.now()) ?? this.budget
    if (new URL(answer.url).origin !== new URL(this.url).origin) {
      throw new AutoupError(
        'failed',
        `${this.url} sends to ${new URL(answer.url).origin}, which is not followed: set GITHUB_API_URL to where it is`,
      )
    }
    if (answer.status === 200 || (answer.status === 304 && etag !== null)) return answer
    throw this.refusal(answer.status, answer.headers, answer.body, 'repository')
  }

  /** The bytes of an asset, from an offset on: by its id, since that is what a private repository answers to. */
  asset(id: number, from: number): ReturnType<FetchContext['http']['stream']> {
    const range = from === 0 ? {} : { range: `bytes=${from}-` }
    return this.#context.http.stream(this.#address(`/releases/assets/${id}`), {
      headers: { ...HEADERS, accept: 'application/octet-stream', ...range },
      bearer: this.#context.token,
    })
  }

  assetText(id: number, maxBytes: number): Promise<Answer> {
    return this.#context.http.text(this.#address(`/releases/assets/${id}`), {
      headers: { ...HEADERS, accept: 'application/octet-stream' },
      bearer: this.#context.token,
      maxBytes,
    })
  }

  /** What an answer that is no success means. The answer may be of the asset host, where the budget is not meant. */
  refusal(status: number, headers: HttpAnswer['headers'], body: string, what: string): AutoupError {
    const message = readErrorMessage(body)
    const limited = limitedMs(status, headers, message, Date.now())
    if (limited !== null) return this.#limited(limited)
    return notBefore(new AutoupError('failed', this.#sentence(status, message, what)), this.waitMs())
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
    const whose = this.budget === null ? 'calls' : `${this.budget.limit} calls an hour`
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
