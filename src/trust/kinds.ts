/**
 * What an artifact is, by its name and its first bytes: the one table in which a new format is added. A name promises,
 * the bytes decide; where they contradict each other nothing is guessed. Zip data under another name is left alone,
 * since programs for a runtime (.jar, .pyz) are zip files that are run as they are.
 */

import { closeSync, openSync, readSync } from 'node:fs'
import { constants, gunzipSync } from 'node:zlib'

export type Kind =
  /** The one file is the build. */
  'single' | 'tar' | 'tar.gz'

/** By ending, the longest first. `null`: known, but not understood yet. */
const ENDINGS: readonly (readonly [string, Kind | null, string])[] = [
  ['.tar.gz', 'tar.gz', 'gzip'],
  ['.tgz', 'tar.gz', 'gzip'],
  ['.tar.xz', null, 'xz'],
  ['.txz', null, 'xz'],
  ['.tar.zst', null, 'zstd'],
  ['.tzst', null, 'zstd'],
  ['.tar.bz2', null, 'bzip2'],
  ['.tbz2', null, 'bzip2'],
  ['.tbz', null, 'bzip2'],
  ['.tar', 'tar', 'tar'],
  ['.gz', null, 'gzip'],
  ['.xz', null, 'xz'],
  ['.zst', null, 'zstd'],
  ['.bz2', null, 'bzip2'],
  ['.zip', null, 'zip'],
  ['.7z', null, '7-zip'],
  ['.rar', null, 'rar'],
]

const MAGICS: readonly (readonly [string, number, Buffer])[] = [
  ['gzip', 0, Buffer.from([0x1f, 0x8b])],
  ['zip', 0, Buffer.from('PK\x03\x04', 'latin1')],
  ['xz', 0, Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0])],
  ['zstd', 0, Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ['bzip2', 0, Buffer.from('BZh')],
  ['tar', 257, Buffer.from('ustar')],
]

const HEAD_BYTES = 4_096
/** At most a megabyte when unpacked. */
const PEEK_BYTES = 1_024
const TAR_HEADER = 512

/** `gzip`, `tar`, … or null for what is none of these. */
export function kindByMagic(head: Buffer): string | null {
  const found = MAGICS.find(([, at, magic]) => head.subarray(at, at + magic.length).equals(magic))
  return found ? found[0] : null
}

/** How the artifact is unpacked, or why it cannot be: the end of a sentence that begins with its name. */
export function kindOf(name: string, path: string): { readonly kind: Kind } | { readonly problem: string } {
  const head = readHead(path)
  const magic = kindByMagic(head)
  const ending = ENDINGS.find(([each]) => name.toLowerCase().endsWith(each))
  if (ending === undefined) return kindOfUnnamed(magic, head)
  const [text, kind, format] = ending
  if (kind === null) return { problem: `is not understood yet: ${format}` }
  if (head.length === 0) return { problem: 'is empty' }
  // Archives from before POSIX have no magic; the unpacker then finds out.
  if (format !== 'tar' && magic !== format) return { problem: `is named ${text} and is no ${format} data` }
  if (format === 'tar' && magic !== 'tar' && magic !== null) return { problem: `is named ${text} and is ${magic} data` }
  return { kind }
}

/** A link named `app` may lead to an archive. */
function kindOfUnnamed(magic: string | null, head: Buffer): { readonly kind: Kind } {
  if (magic === 'tar') return { kind: 'tar' }
  if (magic === 'gzip' && kindByMagic(firstUnpacked(head)) === 'tar') return { kind: 'tar.gz' }
  return { kind: 'single' }
}

function firstUnpacked(head: Buffer): Buffer {
  try {
    return gunzipSync(head.subarray(0, PEEK_BYTES), { finishFlush: constants.Z_SYNC_FLUSH })
  } catch {
    return Buffer.alloc(TAR_HEADER)
  }
}

function readHead(path: string): Buffer {
  const fd = openSync(path, 'r')
  try {
    const head = Buffer.alloc(HEAD_BYTES)
    return head.subarray(0, readSync(fd, head, 0, HEAD_BYTES, 0))
  } finally {
    closeSync(fd)
  }
}
