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

/** Of an address with `{version}`. */
export interface VersionKnown {
  readonly kind: 'version'
  /** As it is filled in. */
  readonly version: string
  /** Of the text that says it; null where the operator does. */
  readonly text: Look | null
  /** Of the file of that version. */
  readonly file: unknown
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

export function isVersionKnown(known: unknown): known is VersionKnown {
  const { kind, version, text } = (known ?? {}) as Partial<VersionKnown>
  return kind === 'version' && typeof version === 'string' && (text === null || isLook(text))
}

/** A server that says nothing of its file is read whole, so not each time. */
export function isReadLately({ read }: FileKnown): boolean {
  const age = read === null ? BLIND_MS : Date.now() - read.at
  return age >= 0 && age < BLIND_MS
}

function isLook(value: unknown): value is Look {
  const { path, etag, lastModified, size } = (value ?? {}) as Partial<Look>
  const isText = (each: unknown) => each === null || typeof each === 'string'
  return typeof path === 'string' && isText(etag) && isText(lastModified) && (size === null || typeof size === 'number')
}

function isMethod(value: unknown): value is Method {
  return value === 'HEAD' || value === 'GET'
}
