/**
 * A body piece by piece, with a floor under its speed: a server that sends one byte every few seconds never falls
 * silent, and would hold a stager until its deadline.
 */

import { AutoupError } from '../core/errors.ts'
import { explainHttpError } from './http-error.ts'

export interface RateLimits {
  readonly minBytesPerSecond: number
  readonly rateWindowMs: number
}

export async function* steadily(
  body: AsyncIterable<Uint8Array>,
  url: URL,
  { minBytesPerSecond, rateWindowMs }: RateLimits,
): AsyncGenerator<Uint8Array> {
  let windowStart = performance.now()
  let windowBytes = 0
  try {
    for await (const chunk of body) {
      windowBytes += chunk.length
      yield chunk
      const elapsedMs = performance.now() - windowStart
      if (elapsedMs < rateWindowMs) continue
      if (windowBytes < (minBytesPerSecond * elapsedMs) / 1_000) {
        throw new AutoupError(
          'failed',
          `${url.origin} sends less than ${minBytesPerSecond} bytes a second: the download was given up`,
        )
      }
      windowStart = performance.now()
      windowBytes = 0
    }
  } catch (error) {
    throw explainHttpError(error, url)
  }
}
