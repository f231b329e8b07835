/**
 * The seam between sources and the rest: what a fetcher is, what it is given, what it answers. Built-in fetchers
 * and plugins are the same thing. All of it but `changed` runs in the stager.
 */

import type { ArtifactChoice } from './artifact/choice.ts'

/** What the last check remembered; opaque to all but the fetcher that wrote it. JSON. */
export type Known = unknown

export interface Release {
  /** What people call it; semver where the source has versions. */
  readonly version: string
  /** The name of the chosen artifact: decides how it is unpacked. */
  readonly name: string
  /** Bytes, where the source says so beforehand. */
  readonly size: number | null
  /** Integrity as the source gives it: `sha256-<hex>`, or null. */
  readonly digest: string | null
  /** Whether versions of this source have an order, so that the version floor applies. */
  readonly ordered: boolean
  /** Whether the one file may be executed where it comes from; absent where the source knows no modes. */
  readonly executable?: boolean
  /**
   * Names that `companion` can be asked for, such as the other assets of the release: checksum files and signatures
   * are looked for among them. A source that cannot list them names those it would try.
   */
  readonly siblings?: readonly string[]
  /** It comes as a tree of files, not as one artifact. */
  readonly isTree?: boolean
  /**
   * Paths in the tree of what is run when the operator names no command, such as the commands of a package. Absent:
   * whatever in it is executable.
   */
  readonly entries?: readonly string[]
  /** Proofs that the source itself has verified, such as `npm-signature`. */
  readonly proofs?: readonly string[]
  /** ISO 8601; for `--min-age`. */
  readonly publishedAt?: string | null
  /** Free for the fetcher's own use between check and fetch. JSON. */
  readonly detail?: unknown
}

/**
 * `waitMs`: the source does not want to be asked again before, as with an API that gives so many calls an hour. An
 * error that is thrown says it with `notBefore`. Never more than an hour is waited.
 */
export type Check =
  /** `known` only where there is something new to remember. */
  | { readonly kind: 'unchanged'; readonly known?: Known; readonly waitMs?: number }
  | { readonly kind: 'release'; readonly release: Release; readonly known: Known }
  /** Still being published; asked again soon. */
  | { readonly kind: 'incomplete'; readonly message: string; readonly waitMs?: number }
  | { readonly kind: 'nothing-for-this-platform'; readonly message: string; readonly known: Known }

export interface HttpOptions {
  readonly method?: 'GET' | 'HEAD'
  readonly headers?: Readonly<Record<string, string>>
  /** A token; it is sent to the origin of the first address only, never along a redirect to another. */
  readonly bearer?: string | null
  /** Of a text; default 8 MiB. */
  readonly maxBytes?: number
}

export interface HttpAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Where the answer came from, after redirects. */
  readonly url: string
}

/** Bounded in size, time and redirects; https only, but for this machine. Throws AutoupError with a sentence. */
export interface HttpClient {
  text(url: string, options?: HttpOptions): Promise<HttpAnswer & { readonly body: string }>
  /** The body must be read, or cancelled. */
  stream(
    url: string,
    options?: HttpOptions,
  ): Promise<HttpAnswer & { readonly bytes: AsyncIterable<Uint8Array>; cancel(): Promise<void> }>
}

/** How often a source may still be asked, as its last answer said. Moments are wall clock, in ms since 1970. */
export interface CallBudget {
  /** Of `limit` calls `remaining` are left until `resetAt`, when all are there again; null where nobody counts. */
  readonly calls: { readonly limit: number; readonly remaining: number; readonly resetAt: number } | null
  /** Before this it is not to be asked at all (Retry-After); null: it may be. */
  readonly blockedUntil: number | null
}

/**
 * What sources said of how often they may be asked. It is remembered from one job to the next, by all services with one
 * state directory and by commands, whatever came of the job; nothing is remembered for more than an hour.
 */
export interface BudgetBook {
  /** `key` says who asks whom: `[\w.:-]`, at most 64 letters, and nothing secret. */
  of(key: string): CallBudget | null
  note(key: string, budget: CallBudget): void
}

/** Bytes of an artifact, beginning at `from`. */
export interface Piece {
  readonly from: number
  readonly bytes: AsyncIterable<Uint8Array>
}

/** A release source as it may be shown: without what a URL or a plugin's options may carry of secrets. */
export function shownSource(source: string): string {
  if (/^(?:github|npm|file):/.test(source)) return source
  return source.replace(/(https?:\/\/)[^/?#]*@/g, '$1').replace(/^([^?#]*)\?[^#]*/, '$1?…')
}

/** Bytes that `keep` has hashed; `isHere` where it could also write them to the job's own place. */
export interface Kept {
  readonly size: number
  /** 64 hex digits. */
  readonly sha256: string
  readonly isHere: boolean
}

/** Where a fetcher delivers. Exactly one of these is used. */
export interface Sink {
  /**
   * The one file of the release; hashed and bounded as it arrives. `open` is asked for the bytes from an offset on: 0
   * at first, more when a download that was cut can go on, and not at all when the `size` of the release is here. It
   * may answer from 0 all the same. `identity` is what the bytes are known by (an ETag, a digest): only with it, and
   * only while it is the same, is what came kept for the next try.
   */
  artifact(open: (from: number) => Promise<Piece>, identity: string | null): Promise<void>
  /** What `keep` of the same job gave, and is here: nothing is read again. */
  kept?(kept: Kept): Promise<void>
  /** An empty directory to be filled by a fetcher whose release is a tree (a directory, npm). */
  tree(fill: (directory: string) => Promise<void>): Promise<void>
}

export interface FetchContext {
  /** What follows the scheme in `--fetch`. */
  readonly location: string
  readonly platform: { readonly os: string; readonly arch: string; readonly libc: 'glibc' | 'musl' | null }
  readonly signal: AbortSignal
  readonly http: HttpClient
  /** The token for this source, or null. Never to be put into a message, a URL or an argument. */
  readonly token: string | null
  /** A directory of this job's own, for what the fetcher needs on disk; removed afterwards. */
  readonly scratch: string
  /**
   * Hashes bytes, and writes them on the way where there is room: for a source that has to read them to tell what they
   * are. `size` is what is expected.
   */
  keep?(bytes: AsyncIterable<Uint8Array>, size: number): Promise<Kept>
  /** For a source that counts calls; absent where nothing is remembered. */
  readonly budgets?: BudgetBook
  /** A warning to the operator. */
  warn(message: string): void
}

/** Which file of a release was chosen, and why not the others. */
export interface Explanation extends ArtifactChoice {
  readonly version: string
}

export interface Fetcher {
  readonly scheme: string
  /** Default milliseconds between two checks; null for the general default. */
  readonly intervalMs?: number
  /** The same where there is no token for this source; absent where that makes no difference. */
  readonly intervalWithoutTokenMs?: number
  /** In the master, before a stager is started: at most one stat. False means that nothing can be new. */
  changed?(location: string, known: Known): Promise<boolean>
  check(context: FetchContext, known: Known | null): Promise<Check>
  fetch(context: FetchContext, release: Release, into: Sink): Promise<void>
  /** For `autoup explain`: of the newest release, for `context.platform`. Absent where there is nothing to choose. */
  explain?(context: FetchContext): Promise<Explanation>
  /** The text of one of the release's siblings, at most 1 MiB; null when there is none of that name. */
  companion?(context: FetchContext, release: Release, name: string): Promise<string | null>
}
