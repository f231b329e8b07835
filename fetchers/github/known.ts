/**
 * What a check remembers: enough to answer the next one with a 304, and to tell whether anything about the chosen
 * release has changed. It is small, for it lies in `state.json`. What another version wrote is forgotten.
 */

export interface GithubKnown {
  readonly kind: 'github'
  /** The API it is of. */
  readonly api: string
  /** Of the first page of releases. */
  readonly etag: string | null
  readonly chosen: {
    readonly id: number
    readonly version: string
    /** Of all that a build depends on: the assets, their sizes, digests and times. */
    readonly fingerprint: string
  }
  /** The name of the chosen artifact without its version (core/artifact/shape.ts), or null before the first. */
  readonly shape: string | null
  /** The highest of all pages, where there is more than one, and when that was looked up (wall clock). */
  readonly deep: { readonly id: number; readonly version: string; readonly at: number } | null
  /** Warnings that were given. */
  readonly said: readonly string[]
}

export function asKnown(value: unknown, api: string): GithubKnown | null {
  const known = value as Partial<GithubKnown> | null
  const { chosen, deep = null, etag = null, shape = null, said } = known ?? {}
  if (known?.kind !== 'github' || known.api !== api) return null
  if (typeof chosen?.id !== 'number' || typeof chosen.version !== 'string') return null
  if (typeof chosen.fingerprint !== 'string' || !Array.isArray(said)) return null
  if (![etag, shape].every((text) => text === null || typeof text === 'string')) return null
  if (deep !== null && !(Number.isFinite(deep.id) && typeof deep.version === 'string' && Number.isFinite(deep.at))) {
    return null
  }
  return { kind: 'github', api, chosen, deep, etag, shape, said }
}
