/**
 * One look at an address, without its body: what the server says by which a change can be seen (RFC 9110, 8.8). Asked
 * with HEAD; of a server that does not know HEAD, with a GET that is left after the headers.
 */

import { AutoupError } from '../../src/core/errors.ts'
import type { FetchContext, HttpAnswer } from '../../src/core/source.ts'
import { showUrl } from '../../src/system/http/address.ts'
import type { Look, Method } from './known.ts'
import { loginFor } from './location.ts'
import { statusProblem } from './status.ts'

export interface Looked {
  readonly look: Look
  readonly answer: HttpAnswer
  readonly method: Method
}

/** Said of HEAD by servers that would answer a GET: signed addresses are good for one method. */
const NO_HEAD: ReadonlySet<number> = new Set([400, 403, 405, 501])

/**
 * Null when the server says that nothing has changed since `before.look` (304). Throws AutoupError for every other
 * status but 200, with the status in its data.
 */
export async function lookAt(
  context: FetchContext,
  address: string,
  before: { readonly look: Look | null; readonly method: Method } | null,
): Promise<Looked | null> {
  const { look = null, method = 'HEAD' } = before ?? {}
  const answer = await ask(context, address, method, look)
  if (answer.status === 304 && look !== null) {
    // Another file may bear the same ETag, when a redirect leads elsewhere now.
    return pathOf(answer) === look.path ? null : lookAt(context, address, { look: null, method })
  }
  if (method === 'HEAD' && NO_HEAD.has(answer.status)) return lookAt(context, address, { look, method: 'GET' })
  if (answer.status !== 200) throw problemOf(context, answer)
  mustBeNoPage(answer)
  return { look: lookOf(answer, method), answer, method }
}

export function lookOf(answer: HttpAnswer, method: Method = 'GET'): Look {
  const { headers } = answer
  const { etag = null, 'last-modified': lastModified = null, 'content-length': length = '' } = headers
  const size = /^\d{1,15}$/.test(length) ? Number(length) : null
  return {
    path: pathOf(answer),
    etag: etag === '' ? null : etag,
    lastModified: lastModified === '' ? null : lastModified,
    // Some frameworks answer HEAD with the length of nothing.
    size: method === 'HEAD' && size === 0 ? null : size,
  }
}

/** The ETag decides where there is one: it is weak or strong as the server likes, which says nothing of a change. */
export function isSameLook(a: Look, b: Look): boolean {
  if (a.path !== b.path) return false
  if (a.size !== null && b.size !== null && a.size !== b.size) return false
  if (a.etag !== null && b.etag !== null) return opaque(a.etag) === opaque(b.etag)
  return a.etag === b.etag && a.lastModified === b.lastModified
}

/** Nothing here could tell a change. */
export function isBlind({ etag, lastModified }: Look): boolean {
  return etag === null && lastModified === null
}

/** Two answers with the same strong ETag have the same bytes. */
export function strongTag({ etag }: Look): string | null {
  return etag !== null && /^"[^"]*"$/.test(etag) ? etag : null
}

/** A conditional request. HEAD needs no Last-Modified: many servers say 304 for whatever is older, as well. */
export function conditionsFor({ etag, lastModified }: Look, method: Method): Record<string, string> {
  if (etag !== null) return { 'if-none-match': etag }
  return lastModified !== null && method === 'GET' ? { 'if-modified-since': lastModified } : {}
}

export function problemOf(context: FetchContext, answer: HttpAnswer): AutoupError {
  const { bearer, url } = loginFor(context, answer.url)
  return statusProblem(answer, bearer !== null || new URL(url).username !== '')
}

/** A portal, a login or an error page, with a status as if all were well. */
export function mustBeNoPage({ headers, url }: HttpAnswer): void {
  if (!isPage(headers)) return
  const what = `${showUrl(url)} answers with a web page (text/html)`
  const advice = 'check the address, and whether it wants a login'
  throw new AutoupError('failed', `${what}, not with a release: ${advice}`, { data: { isPage: true } })
}

export function isPage(headers: HttpAnswer['headers']): boolean {
  return /^(?:text\/html|application\/xhtml\+xml)\b/i.test(headers['content-type'] ?? '')
}

async function ask(context: FetchContext, address: string, method: Method, before: Look | null): Promise<HttpAnswer> {
  const { url, bearer } = loginFor(context, address)
  const headers = before === null ? {} : conditionsFor(before, method)
  const { cancel, status, headers: answered, url: from } = await context.http.stream(url, { method, headers, bearer })
  await cancel()
  return { status, headers: answered, url: from }
}

function pathOf({ url }: HttpAnswer): string {
  return new URL(url).pathname
}

function opaque(etag: string): string {
  return etag.replace(/^W\//, '')
}
