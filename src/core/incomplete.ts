/**
 * "Not there yet, ask again soon" as something that can be thrown. A fetcher answers it from `check` as a value; while
 * it fetches, a release that is replaced under its hands can only be told this way. It decides nothing about bytes.
 */

import { AutoupError } from './errors.ts'

export function incomplete(message: string): AutoupError {
  return new AutoupError('failed', message, { data: { incomplete: true } })
}

export function isIncomplete(error: unknown): error is AutoupError {
  return error instanceof AutoupError && error.data.incomplete === true
}
