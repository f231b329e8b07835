/**
 * What an artifact is, by its name and its first bytes: the one table in which a new format is added. A name promises,
 * the bytes decide; where they contradict each other nothing is guessed. Zip data under another name is left alone,
 * since programs for a runtime (.jar, .pyz) are zip files that are run as they are.
 */

import { constants, gunzipSync } from 'node:zlib'
import { readHead } from './look.ts'

export type Compression = 'gzip' | 'xz' | 'zstd' | 'bzip2'

/** What is inside: the one file that is the build, or a tree. */
export type Kind =
  | { readonly form: 'single' | 'tar'; readonly compression: Compression | null }
  | { readonly form: 'zip'; readonly compression: null }

/** By ending, the longest first. A form of null: known, and not understood. */
const ENDINGS: readonly (readonly [string, Kind['form'] | null, string])[] = [
  ['.tar.gz', 'tar', 'gzip'],
  ['.tgz', 'tar', 'gzip'],
  ['.tar.xz', 'tar', 'xz'],
  ['.txz', 'tar', 'xz'],
  ['.tar.zst', 'tar', 'zstd'],
  ['.tzst', 'tar', 'zstd'],
  ['.tar.bz2', 'tar', 'bzip2'],
  ['.tbz2', 'tar', 'bzip2'],
  ['.tbz', 'tar', 'bzip2'],
  ['.tar', 'tar', 'tar'],
  ['.gz', 'single', 'gzip'],
  ['.xz', 'single', 'xz'],
  ['.zst', 'single', 'zstd'],
  ['.bz2', 'single', 'bzip2'],
  ['.zip', 'zip', 'zip'],
  ['.7z', null, '7-zip'],
  ['.rar', null, 'rar'],
  ['.tar.lz4', null, 'lz4'],
  ['.tar.br', null, 'brotli'],
]

const MAGICS: readonly (readonly [string, number, Buffer])[] = [
  ['gzip', 0, Buffer.from([0x1f, 0x8b])],
  ['zip', 0, Buffer.from('PK\x03\x04', 'latin1')],
  // One without entries; as a format of its own it would be a file of 22 bytes that is nobody's program.
  ['zip', 0, Buffer.from('PK\x05\x06', 'latin1')],
  ['xz', 0, Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0])],
  ['zstd', 0, Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ['bzip2', 0, Buffer.from('BZh')],
  ['tar', 257, Buffer.from('ustar')],
]

const COMPRESSIONS: ReadonlySet<string> = new Set(['gzip', 'xz', 'zstd', 'bzip2'] satisfies Compression[])

const HEAD_BYTES = 4_096
/** At most a megabyte when unpacked. */
const PEEK_BYTES = 1_024
const TAR_HEADER = 512

/** `gzip`, `tar`, … or null for what is none of these. */
export function kindByMagic(head: Buffer): string | null {
  const found = MAGICS.find(([, at, magic]) => head.subarray(at, at + magic.length).equals(magic))
  return found ? found[0] : null
}

/** What the name alone promises, or null where it says nothing or something that is not understood. */
export function kindByName(name: string): Kind | null {
  const [, form = null, format = ''] = endingOf(name) ?? []
  return form === null ? null : toKind(form, format)
}

/** `app` of `app.gz`: what a single packed file is called when it is unpacked. */
export function unpackedName(name: string): string {
  const [text = ''] = endingOf(name) ?? []
  return name.slice(0, name.length - text.length)
}

/** How the artifact is unpacked, or why it cannot be: the end of a sentence that begins with its name. */
export function kindOf(name: string, path: string): { readonly kind: Kind } | { readonly problem: string } {
  const head = readHead(path, HEAD_BYTES)
  const magic = kindByMagic(head)
  const ending = endingOf(name)
  if (ending === null) return { kind: kindOfUnnamed(magic, head) }
  const [text, form, format] = ending
  if (form === null) return { problem: `is not understood: ${format}` }
  if (head.length === 0) return { problem: 'is empty' }
  // Archives from before POSIX have no magic; the unpacker then finds out.
  if (format !== 'tar' && magic !== format) return { problem: `is named ${text} and is no ${format} data` }
  if (format === 'tar' && magic !== 'tar' && magic !== null) return { problem: `is named ${text} and is ${magic} data` }
  const kind = toKind(form, format)
  // Somebody packed a tar and called it by the packer alone: the tar itself would be nobody's program.
  if (kind.form === 'single' && format === 'gzip' && holdsTar(head)) return { kind: { ...kind, form: 'tar' } }
  return { kind }
}

function endingOf(name: string): (typeof ENDINGS)[number] | null {
  const lower = name.toLowerCase()
  return ENDINGS.find(([ending]) => lower.endsWith(ending)) ?? null
}

function toKind(form: Kind['form'], format: string): Kind {
  if (form === 'zip') return { form, compression: null }
  return { form, compression: COMPRESSIONS.has(format) ? (format as Compression) : null }
}

/** A link named `app` may lead to an archive. */
function kindOfUnnamed(magic: string | null, head: Buffer): Kind {
  if (magic === 'tar') return { form: 'tar', compression: null }
  if (magic === 'gzip' && holdsTar(head)) return { form: 'tar', compression: 'gzip' }
  return { form: 'single', compression: null }
}

function holdsTar(head: Buffer): boolean {
  return kindByMagic(firstUnpacked(head)) === 'tar'
}

function firstUnpacked(head: Buffer): Buffer {
  try {
    return gunzipSync(head.subarray(0, PEEK_BYTES), { finishFlush: constants.Z_SYNC_FLUSH })
  } catch {
    return Buffer.alloc(TAR_HEADER)
  }
}
