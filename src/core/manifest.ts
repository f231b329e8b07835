/**
 * The manifest of a build: what its tree holds, one line per entry, fields separated by tabs, in one order. The
 * canonical form leaves out what differs from one disk to the next (times, inodes); its sha256 names a directory build.
 * Names hold no control characters (see cleanPath), so neither tabs nor line ends need escaping.
 */

export interface DirectoryEntry {
  readonly kind: 'directory'
  readonly path: string
}

export interface FileEntry {
  readonly kind: 'file'
  readonly path: string
  readonly executable: boolean
  readonly size: number
  /** 64 hex digits. */
  readonly sha256: string
  /** As it was sealed; a file that still looks so is not read again. */
  readonly seen: Seen | null
}

export interface LinkEntry {
  readonly kind: 'link'
  readonly path: string
  readonly target: string
}

export type ManifestEntry = DirectoryEntry | FileEntry | LinkEntry

/** Of stat(2); decimal digits, since nanoseconds and inodes do not fit a number. */
export interface Seen {
  readonly mtimeNs: string
  readonly ctimeNs: string
  readonly inode: string
}

/** Twice what a build may hold. The master reads what a stager wrote, and has no memory for whatever that may be. */
export const MANIFEST_ENTRIES = 200_000

export interface Totals {
  readonly files: number
  readonly directories: number
  readonly links: number
  readonly bytes: number
}

/** In the order of their paths, by code unit, whatever the locale. */
export function sortEntries(entries: readonly ManifestEntry[]): ManifestEntry[] {
  return [...entries].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
}

/** The text whose sha256 is the digest of the tree. */
export function canonicalForm(entries: readonly ManifestEntry[]): string {
  return `autoup manifest 1\n${sortEntries(entries).map(canonicalLine).join('')}`
}

/** The text of the file `manifest`. */
export function formatManifest(entries: readonly ManifestEntry[]): string {
  return sortEntries(entries).map(line).join('')
}

/** Null when it is not a manifest, or one of more entries than any build has. */
export function parseManifest(text: string): ManifestEntry[] | null {
  const entries: ManifestEntry[] = []
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start)
    const entry = end < 0 || entries.length === MANIFEST_ENTRIES ? null : parseLine(text.slice(start, end).split('\t'))
    if (entry === null) return null
    entries.push(entry)
    start = end + 1
  }
  return entries
}

export function totalsOf(entries: readonly ManifestEntry[]): Totals {
  const totals = { files: 0, directories: 0, links: 0, bytes: 0 }
  for (const entry of entries) {
    if (entry.kind === 'directory') totals.directories++
    else if (entry.kind === 'link') totals.links++
    else {
      totals.files++
      totals.bytes += entry.size
    }
  }
  return totals
}

function canonicalLine(entry: ManifestEntry): string {
  if (entry.kind === 'directory') return `d\t${entry.path}\n`
  if (entry.kind === 'link') return `l\t${entry.path}\t${entry.target}\n`
  return `f\t${entry.path}\t${entry.executable ? 'x' : '-'}\t${entry.size}\t${entry.sha256}\n`
}

function line(entry: ManifestEntry): string {
  if (entry.kind !== 'file' || entry.seen === null) return canonicalLine(entry)
  const { mtimeNs, ctimeNs, inode } = entry.seen
  return `${canonicalLine(entry).slice(0, -1)}\t${mtimeNs}\t${ctimeNs}\t${inode}\n`
}

function parseLine(fields: readonly string[]): ManifestEntry | null {
  const [kind, path = '', third = '', size = '', sha256 = '', ...times] = fields
  if (path === '') return null
  if (kind === 'd' && fields.length === 2) return { kind: 'directory', path }
  if (kind === 'l' && fields.length === 3 && third !== '') return { kind: 'link', path, target: third }
  if (kind !== 'f' || !/^[x-]$/.test(third) || !/^\d{1,15}$/.test(size) || !/^[0-9a-f]{64}$/.test(sha256)) return null
  const seen = parseSeen(times)
  if (seen === undefined) return null
  return { kind: 'file', path, executable: third === 'x', size: Number(size), sha256, seen }
}

function parseSeen(times: readonly string[]): Seen | null | undefined {
  if (times.length === 0) return null
  const [mtimeNs, ctimeNs, inode] = times
  if (times.length !== 3 || !times.every((text) => /^-?\d{1,20}$/.test(text))) return undefined
  return { mtimeNs: mtimeNs as string, ctimeNs: ctimeNs as string, inode: inode as string }
}
