/**
 * "Not there yet, ask again soon" as something that can be thrown. A fetcher answers it from `check` as a value; while
 * it fetches, a release that is replaced under its hands can only be told this way. It decides nothing about bytes.
 */

import { AutoupError } from './errors.ts'

export function incomplete(message: string): AutoupError {
  return new AutoupError('failed', message, { data: { incomplete: true } })
}

/** The same error, for a source that does not want to be asked again before `waitMs` have passed. */
export function notBefore(error: AutoupError, waitMs: number): AutoupError {
  return new AutoupError(error.code, error.message, { data: { ...error.data, waitMs }, cause: error })
}

export function waitMsOf(error: unknown): number | null {
  const waitMs = error instanceof AutoupError ? error.data.waitMs : null
  return typeof waitMs === 'number' && Number.isSafeInteger(waitMs) && waitMs > 0 ? waitMs : null
}

export function isIncomplete(error: unknown): error is AutoupError {
  return error instanceof AutoupError && error.data.incomplete === true
}

/** Whatever a plugin says, a wait is a whole number of milliseconds. */
export function waiting(waitMs: number | null | undefined): { readonly waitMs?: number } {
  return Number.isSafeInteger(waitMs) && Number(waitMs) > 0 ? { waitMs: Number(waitMs) } : {}
}
