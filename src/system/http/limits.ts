/** What a server may cost in time and bytes, once, with units. Beyond a limit the request is given up. */

export interface HttpLimits {
  readonly redirects: number
  readonly connectMs: number
  /** From the request to the end of the answer's headers, the way there included. */
  readonly headersMs: number
  /** Between two pieces of a body. */
  readonly silenceMs: number
  /** A body slower than this over `rateWindowMs` is given up: a slow drip holds a stager for ever. */
  readonly minBytesPerSecond: number
  readonly rateWindowMs: number
  readonly headerBytes: number
  /** What is read whole, a manifest, an API answer, a checksum file, is at most as long … */
  readonly textBytes: number
  /** … and here after this time. */
  readonly textMs: number
}

export const HTTP_LIMITS: HttpLimits = {
  redirects: 5,
  connectMs: 10_000,
  headersMs: 30_000,
  silenceMs: 30_000,
  minBytesPerSecond: 1_024,
  rateWindowMs: 30_000,
  headerBytes: 65_536,
  textBytes: 8_388_608,
  textMs: 120_000,
}
