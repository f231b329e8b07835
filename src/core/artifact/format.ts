/**
 * What kind of file a name promises, by its ending. Only what can be unpacked or executed is ever a candidate;
 * everything else says in one word what it is. An ending nobody knows is no candidate either.
 */

import { VOCABULARY } from './tokens.ts'
import { splitWords, takeApart } from './words.ts'

/**
 * `archive`: many files. `packed`: one file, compressed. `bare`: a program as it is. `neutral`: runs wherever its
 * interpreter does. `script`: the same, and as often a helper as the program itself. `never`: nothing to run.
 */
export type FormatKind = 'archive' | 'packed' | 'bare' | 'neutral' | 'script' | 'never'

export interface Format {
  readonly kind: FormatKind
  /** With its dot; empty for a bare program. */
  readonly ending: string
  /** For `never`: what it is. */
  readonly what?: string
  /** The operating system that the format itself is made for. */
  readonly os?: string
  /** Taken first where the rest is equal: more is better. */
  readonly order: { readonly unix: number; readonly windows: number }
  /** The name without the ending. */
  readonly stem: string
}

interface Row {
  readonly kind: FormatKind
  readonly unix: number
  readonly windows: number
  readonly endings: string
  readonly what?: string
  readonly os?: string
}

/** gzip and zip are unpacked here; xz and zst need a tool of the host; bz2 and 7z more often than not have none. */
const RUNNABLE: readonly Row[] = [
  { kind: 'archive', unix: 19, windows: 18, endings: '.tar.gz .tgz .tar.gzip' },
  { kind: 'archive', unix: 18, windows: 17, endings: '.tar.xz .txz' },
  { kind: 'archive', unix: 17, windows: 16, endings: '.tar.zst .tzst .tar.zstd' },
  { kind: 'archive', unix: 16, windows: 15, endings: '.tar' },
  { kind: 'archive', unix: 15, windows: 19, endings: '.zip' },
  { kind: 'archive', unix: 14, windows: 14, endings: '.tar.bz2 .tbz2 .tbz .tb2 .tar.bz' },
  { kind: 'archive', unix: 13, windows: 13, endings: '.tar.lz .tar.lzma .tlz .tar.br .tar.lz4 .tar.z' },
  { kind: 'archive', unix: 12, windows: 12, endings: '.7z' },
  { kind: 'packed', unix: 11, windows: 9, endings: '.gz' },
  { kind: 'packed', unix: 9, windows: 8, endings: '.xz' },
  { kind: 'packed', unix: 8, windows: 7, endings: '.zst .zstd' },
  { kind: 'packed', unix: 7, windows: 6, endings: '.bz2 .bz' },
  { kind: 'bare', unix: 0, windows: 11, endings: '.exe', os: 'win32' },
  { kind: 'bare', unix: 6, windows: 5, endings: '.bin .elf .run' },
  { kind: 'bare', unix: 4, windows: 0, endings: '.appimage', os: 'linux' },
  { kind: 'archive', unix: 3, windows: 0, endings: '.app.zip .app.tar.gz .app.tgz', os: 'darwin' },
  { kind: 'neutral', unix: 5, windows: 5, endings: '.phar .jar .pyz .pex .war' },
  { kind: 'script', unix: 2, windows: 2, endings: '.js .mjs .cjs .py .rb .pl .lua .php' },
  { kind: 'script', unix: 2, windows: 0, endings: '.sh .bash', os: 'unix' },
  { kind: 'script', unix: 0, windows: 2, endings: '.bat .cmd', os: 'win32' },
]

/** The common ones only, for the reason that is shown: an ending that is in no table is nothing to run either. */
const NOTHING_TO_RUN: Readonly<Record<string, string>> = {
  'a package':
    '.deb .udeb .rpm .apk .aab .ipk .xbps .eopkg .snap .flatpak .flatpakref .pkg .pkg.tar.zst .pkg.tar.xz .pkg.tar.gz .mpkg .dmg .msi .msix .msixbundle .appx .appxbundle .cab .nupkg .gem .whl .egg .crate .vsix .xpi .crx .conda .ipa .artifactbundle .artifactbundle.zip .xcframework.zip .bottle.tar.gz .src.rpm',
  checksums:
    '.sha256 .sha256sum .sha256sums .sha512 .sha512sum .sha512sums .sha1 .sha1sum .sha .md5 .md5sum .md5sums .sum .sums .shasum .blake3 .b2 .b2sum .b3 .b3sum .digest .digests .checksum .checksums .hash .zsync .blockmap .torrent',
  'a signature':
    '.sig .sign .signature .asc .gpg .pgp .minisig .sigstore .sigstore.json .cosign .cosign.bundle .bundle .pem .crt .cer .cert .pub .key .p7s',
  'a list of contents':
    '.sbom .spdx .cdx .sbom.json .spdx.json .cdx.json .cyclonedx.json .bom.json .bom.xml .intoto.jsonl .intoto .provenance .att .attestation .jsonl .buildinfo .changes .dsc',
  'a text':
    '.txt .md .rst .adoc .html .pdf .json .yaml .yml .toml .xml .csv .ini .conf .log .diff .patch .manifest .lock .proto .sql .css .svg .png .service .desktop',
  'debug symbols': '.pdb .dbg .debug .dsym .dsym.zip .dsym.tar.gz .sym .symbols .map .pdb.zip .pdb.gz',
  'a library': '.so .dll .dylib .a .lib .o .node .h .wasm',
  'an image of a disk or a container':
    '.iso .img .img.gz .img.xz .img.zst .qcow2 .vhd .vhdx .vmdk .ova .ovf .vdi .raw .raw.gz .raw.xz .raw.zst .squashfs .oci .sif',
  'the sources': '.src .orig.tar.gz .orig.tar.xz .debian.tar.xz .debian.tar.gz .src.tar.gz .src.tar.xz .src.zip',
  'an installer': '.ps1 .psm1',
  'a page of the manual': '.1 .2 .3 .4 .5 .6 .7 .8 .1.gz .5.gz .7.gz .8.gz',
}

const ENDINGS: ReadonlyMap<string, Row> = new Map([
  ...RUNNABLE.flatMap((row) => row.endings.split(' ').map((ending) => [ending, row] as const)),
  ...Object.entries(NOTHING_TO_RUN).flatMap(([what, endings]) =>
    endings.split(' ').map((ending) => [ending, { kind: 'never', unix: 0, windows: 0, endings, what } as Row] as const),
  ),
])

const BARE: Row = { kind: 'bare', unix: 10, windows: 4, endings: '' }
/** Endings of up to three parts are known (`.pkg.tar.zst`). */
const MAX_PARTS = 3

/** Files that go with a release under a name without an ending of their own. */
const COMPANION =
  /^(?:license|licence|copying|notice|readme|changelog|changes|authors|version|manifest|makefile|dockerfile|install|todo|latest|sbom|keys)(?:\.|$)/
const CHECKSUMS =
  /^(?:sha[-_\d]*(?:sums?)?|shasums?|(?:md5|b[23]|check)sums?)\d*(?:\.|$)|(?:^|[-_.])(?:sha\d+|md5|check|b2|b3)sums?$/

/** `programs` may stand after a dot: `linux.app`. */
export function formatOf(name: string, programs: readonly string[] = []): Format {
  const lower = name.toLowerCase()
  const dots: number[] = []
  for (let at = lower.lastIndexOf('.'); at > 0 && dots.length < MAX_PARTS; at = lower.lastIndexOf('.', at - 1))
    dots.push(at)
  for (const at of dots.reverse()) {
    const row = ENDINGS.get(lower.slice(at))
    if (row && !isPartOfVersion(lower, at)) return toFormat(name, at, row)
  }
  const last = lower.lastIndexOf('.')
  if (CHECKSUMS.test(lower)) return never(name, 'checksums')
  if (COMPANION.test(lower)) return never(name, 'a text beside the release')
  if (last <= 0 || programs.includes(lower.slice(last + 1)) || isNoEnding(name.slice(last + 1)))
    return toFormat(name, name.length, BARE)
  return never(name, `a kind of file that cannot be run (${lower.slice(last, last + 12)})`)
}

/** `tool.1` is a page of the manual, `tool-1.1` and `tool-1.0-rc.1` are programs. */
function isPartOfVersion(name: string, at: number): boolean {
  return /\d/.test(name.charAt(at + 1)) && name.slice(at) !== '.7z' && VERSION_BEFORE.test(name.slice(0, at))
}

const VERSION_BEFORE = /(?:\d|\d[-.]?(?:rc|alpha|beta|pre|preview|dev))$/

/** What stands after a dot and is no ending: `0-linux_amd64`, `linux`, `x86_64`, `rc`. */
function isNoEnding(text: string): boolean {
  if (!/^[a-z0-9]+$/i.test(text)) return true
  if (/^(?:v?\d.*|[a-f0-9]{7,40}|(?:rc|beta|alpha)\d*)$/i.test(text)) return true
  const words = splitWords(text)
  return VOCABULARY.has(words.join('')) || takeApart(words.join('')) !== null
}

function toFormat(name: string, at: number, row: Row): Format {
  const { kind, unix, windows, what, os } = row
  return {
    kind,
    ending: name.slice(at).toLowerCase(),
    order: { unix, windows },
    stem: name.slice(0, at),
    ...(what === undefined ? {} : { what }),
    ...(os === undefined ? {} : { os }),
  }
}

function never(name: string, what: string): Format {
  return { kind: 'never', ending: '', what, order: { unix: 0, windows: 0 }, stem: name }
}
