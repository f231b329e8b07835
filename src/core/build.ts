/**
 * What a build is, as the rest of the program speaks of it. A build is immutable and named by its digest;
 * a command that is supervised as it is (no `--fetch`) counts as the build COMMAND, which is in no store.
 */

/** `sha256-<64 hex digits>`, or `command`. */
export type BuildId = string

export interface Build {
  readonly id: BuildId
  /** What people call it: a semver version, a short digest, or '' for a bare command. */
  readonly version: string
  /** ISO 8601; shown, never compared. */
  readonly stagedAt: string
  /** ISO 8601, or null before its first commit. */
  readonly committedAt: string | null
  /** Why its bytes are trusted, strongest first: `sha256`, `minisign`, `github-digest`, `local-file`, … */
  readonly proofs: readonly string[]
}

/** The build of a master that has no release source. */
export const COMMAND: Build = { id: 'command', version: '', stagedAt: '', committedAt: null, proofs: [] }

/** How a build is named in a sentence: `1.4.2`, or the first digits of its digest. */
export function nameOf(build: Pick<Build, 'id' | 'version'>): string {
  return build.version || shortId(build.id)
}

/** The first twelve digits of the digest. */
export function shortId(id: BuildId): string {
  return id.startsWith('sha256-') ? id.slice(7, 19) : id
}

/** Where a source has nothing for this machine there may be no version to name. */
export function refusalOf({ version, reason }: { readonly version: string; readonly reason: string }): string {
  return version === '' ? `the release was refused: ${reason}` : `${version} was refused: ${reason}`
}
