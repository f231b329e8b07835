/** What a check of an address remembers. Light, since the master reads it: it imports nothing. */

/** What the server says of a file, by which a change can be seen. */
export interface Look {
  /** Where it came from after redirects; hosts and queries change from one answer to the next. */
  readonly path: string
  readonly etag: string | null
  readonly lastModified: string | null
  readonly size: number | null
}

export type Method = 'HEAD' | 'GET'

/** By name, what each companion looked like when it was found. */
export type Marks = Readonly<Record<string, string>>

export interface FileKnown {
  readonly kind: 'file'
  readonly name: string
  readonly look: Look
  readonly method: Method
  readonly companions: Marks
  /** `Date.now()` when this file was first seen … */
  readonly seenAt: number
  /** … and when companions that were missing were last asked for. */
  readonly askedAt: number
  /** Of a server that says nothing: the digest of what it gave, and when. */
  readonly read: { readonly digest: string; readonly at: number } | null
}

export interface ManifestKnown {
  readonly kind: 'manifest'
  readonly look: Look
  /** Of the manifest. */
  readonly digest: string
}

/** Between two checks of a server that says nothing. An operator who asks is answered at once. */
export const BLIND_MS = 600_000

export function isFileKnown(known: unknown): known is FileKnown {
  const { kind, name, look, method, companions, seenAt, askedAt, read } = (known ?? {}) as Partial<FileKnown>
  return (
    kind === 'file' &&
    typeof name === 'string' &&
    isLook(look) &&
    isMethod(method) &&
    typeof companions === 'object' &&
    companions !== null &&
    typeof seenAt === 'number' &&
    typeof askedAt === 'number' &&
    (read === null || (typeof read?.digest === 'string' && typeof read.at === 'number'))
  )
}

export function isManifestKnown(known: unknown): known is ManifestKnown {
  const { kind, look, digest } = (known ?? {}) as Partial<ManifestKnown>
  return kind === 'manifest' && isLook(look) && typeof digest === 'string'
}

function isLook(value: unknown): value is Look {
  const { path, etag, lastModified, size } = (value ?? {}) as Partial<Look>
  const isText = (each: unknown) => each === null || typeof each === 'string'
  return typeof path === 'string' && isText(etag) && isText(lastModified) && (size === null || typeof size === 'number')
}

function isMethod(value: unknown): value is Method {
  return value === 'HEAD' || value === 'GET'
}
