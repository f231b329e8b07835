/**
 * A deadline under everything that a server is waited for, and a floor under its speed: a server that sends one byte
 * every few seconds never falls silent, and would hold a stager until its end. Only the time spent waiting counts; a
 * slow disk is nobody's drip.
 */

import { AutoupError } from '../../core/errors.ts'

export interface RateLimits {
  /** Milliseconds between two pieces of a body. */
  readonly silenceMs: number
  readonly minBytesPerSecond: number
  readonly rateWindowMs: number
}

/** Ends one request when a wait is too long or the job is given up: then its signal is aborted with the reason. */
export class Leash {
  readonly #controller = new AbortController()
  readonly #outer: AbortSignal

  constructor(outer: AbortSignal) {
    this.#outer = outer
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Rejects with `tooLong` after `ms`, whatever `work` does then: not all of undici hears a signal at once. */
  async within<T>(work: Promise<T>, ms: number, tooLong: string): Promise<T> {
    let end: (reason: unknown) => void = () => undefined
    const broken = new Promise<never>((_resolve, reject) => {
      end = (reason) => {
        reject(reason)
        this.#controller.abort(reason)
      }
    })
    const onAbort = () => end(this.#outer.reason)
    const timer = setTimeout(() => end(new AutoupError('failed', tooLong)), ms)
    this.#outer.addEventListener('abort', onAbort, { once: true })
    if (this.#outer.aborted) onAbort()
    work.catch(() => undefined)
    try {
      return await Promise.race([broken, work])
    } finally {
      clearTimeout(timer)
      this.#outer.removeEventListener('abort', onAbort)
    }
  }
}

/** `who` is the server, as the errors name it. Ends at `totalMs`, too. Whoever iterates destroys the body after. */
export async function* steadily(
  body: AsyncIterable<Uint8Array>,
  leash: Leash,
  who: string,
  { silenceMs, minBytesPerSecond, rateWindowMs, totalMs = Number.POSITIVE_INFINITY }: RateLimits & { totalMs?: number },
): AsyncGenerator<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]()
  let leftMs = totalMs
  let windowMs = 0
  let windowBytes = 0
  for (;;) {
    const begun = performance.now()
    const isLast = leftMs < silenceMs
    const next = await leash.within(
      pieces.next(),
      isLast ? leftMs : silenceMs,
      isLast ? `${who} takes too long: it is tried again` : `${who} fell silent in the middle: it is tried again`,
    )
    if (next.done) return
    const waitedMs = performance.now() - begun
    leftMs = Math.max(0, leftMs - waitedMs)
    windowMs += waitedMs
    windowBytes += next.value.length
    if (windowMs >= rateWindowMs) {
      if (windowBytes < (minBytesPerSecond * windowMs) / 1_000) {
        throw new AutoupError('failed', `${who} sends less than ${minBytesPerSecond} bytes a second: it was given up`)
      }
      windowMs = 0
      windowBytes = 0
    }
    yield next.value
  }
}
