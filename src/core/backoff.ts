/** Exponential back-off: doubling, capped, without randomness (the runtime adds jitter where many could collide). */

/** Milliseconds to wait after the `failures`th failure in a row (from 1). */
export function backoffMs(failures: number, firstMs: number, maxMs: number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(Math.max(failures - 1, 0), 30))
}
