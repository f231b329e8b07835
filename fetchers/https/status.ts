/** What the status of an answer means for a source, as a sentence that says what to do. No query is shown. */

import { AutoupError } from '../../src/core/errors.ts'
import { notBefore } from '../../src/core/incomplete.ts'
import type { HttpAnswer } from '../../src/core/source.ts'
import { showUrl } from '../../src/system/http/address.ts'

const HOUR_MS = 3_600_000

export function statusProblem({ status, url, headers }: HttpAnswer, hasLogin: boolean): AutoupError {
  const where = showUrl(url)
  const error = (what: string) => new AutoupError('failed', `${where} ${what}`, { data: { status } })
  if (status === 404 || status === 410) {
    return error(`is not there (${status}): check the address${hasLogin ? '' : LOGIN}`)
  }
  if (status === 401) {
    return error(hasLogin ? 'does not accept the login (401): check the token' : `asks for a login (401): ${TOKEN}`)
  }
  if (status === 403) {
    return error(`refuses access (403): ${hasLogin ? 'check what the token may read' : TOKEN}`)
  }
  if (status === 429) return later(error('wants fewer requests (429): use a longer --interval'), headers)
  if (status >= 500) return later(error(`is in trouble (${status}): it is tried again`), headers)
  return error(`answers with status ${status}, which is no release: check the address`)
}

const TOKEN = 'give a token with --token-file, or user:password@ in the address'
const LOGIN = ', or, where it takes a login, give a token with --token-file'

/** Retry-After in seconds, or as a date (RFC 9110, 10.2.3). */
function later(error: AutoupError, { 'retry-after': after, date }: HttpAnswer['headers']): AutoupError {
  if (after === undefined) return error
  const now = Date.parse(date ?? '')
  const waitMs = /^\d{1,6}$/.test(after) ? Number(after) * 1_000 : Date.parse(after) - now
  return waitMs > 0 && waitMs <= HOUR_MS ? notBefore(error, waitMs) : error
}
