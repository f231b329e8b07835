/**
 * Checksum files as releases carry them: which of the names may hold the sum of an artifact, and what the file says
 * about it. There must be exactly one sum under the exact name; the same line twice says the same thing once, two that
 * contradict each other prove nothing. What a line means is never guessed, and lines that are none are passed over, as
 * `sha256sum -c` does.
 */

import { shown } from '../core/shown.ts'
import type { Refusal } from './archive.ts'
import { algorithmOf, type Digest } from './digest.ts'
import { PROOF_LIMITS } from './proof-limits.ts'

/** What follows the name of the one artifact that such a file is about. */
const OWN = /^\.sha(256|512)(?:sums?)?(?:\.txt)?$/i

/** What lists are called: in lower case, without `.txt`, with `-` for every separator; long ones first. */
const LISTS: readonly string[] = [
  ...['256', '512'].flatMap((bits) => [
    `sha${bits}-checksums`,
    `checksums-sha${bits}`,
    `sha${bits}sums`,
    `sha${bits}sum`,
    `sha${bits}`,
    `shasums${bits}`,
  ]),
  'checksums',
  'checksum',
  'shasums',
]

/**
 * How well `name` fits as the checksum file of `artifact`: 0 is best, null is none. Its own file comes first, then a
 * list that bears the artifact's own beginning, then a list of no name, then one of another name; SHA-256 before 512,
 * since it is computed anyway.
 */
export function isChecksumFileFor(name: string, artifact: string): number | null {
  if (artifact === '') return null
  const own = name.startsWith(artifact) ? OWN.exec(name.slice(artifact.length)) : null
  if (own !== null) return own[1] === '256' ? 0 : 1
  const found = listOf(name)
  if (found === null) return null
  const rank = found.prefix === '' ? 4 : beginsWith(artifact, found.prefix) ? 2 : 6
  return found.list.includes('512') ? rank + 1 : rank
}

/** Those of the names that may hold the sum of `artifact`, best first; among equals as they come. */
export function checksumFilesFor(names: readonly string[], artifact: string): string[] {
  return names
    .map((name) => ({ name, rank: isChecksumFileFor(name, artifact) ?? -1 }))
    .filter(({ rank }) => rank >= 0)
    .sort((a, b) => a.rank - b.rank)
    .map(({ name }) => name)
}

/** True where `name` holds the sum of one file, so that this sum may stand there alone. */
export function isOwnChecksumFile(name: string, artifact: string): boolean {
  return name.startsWith(artifact) && OWN.test(name.slice(artifact.length))
}

/**
 * What the checksum file called `file` says about `artifact`. Where it has SHA-256 and SHA-512, the first is given.
 * The problem is the end of a sentence that begins with the artifact's name.
 */
export function findChecksum(content: Buffer | string, artifact: string, file: string): Digest | Refusal {
  const found = sumsOf(content, artifact, file)
  if ('problem' in found) return found
  for (const algorithm of ['sha256', 'sha512']) {
    const count = found.get(algorithm)?.size ?? 0
    if (count > 1) return { problem: `has ${count} different sums in ${shown(file)}: none is believed` }
  }
  for (const algorithm of ['sha256', 'sha512'] as const) {
    for (const hex of found.get(algorithm) ?? []) return { algorithm, hex }
  }
  return { problem: silence(found, file) }
}

/**
 * Why it says nothing of `artifact` that counts, so that another one may, as the end of a sentence; null: it speaks.
 */
export function silenceOf(content: Buffer | string, artifact: string, file: string): string | null {
  const found = sumsOf(content, artifact, file)
  return 'problem' in found || found.has('sha256') || found.has('sha512') ? null : silence(found, file)
}

function silence(found: ReadonlyMap<string, unknown>, file: string): string {
  if (found.has('weak')) return `has only an MD5 or SHA-1 sum in ${shown(file)}, which proves nothing`
  return `has no line of its own in ${shown(file)}`
}

/** All sums under the exact name, by algorithm. */
function sumsOf(content: Buffer | string, artifact: string, file: string): Map<string, Set<string>> | Refusal {
  if (content.length > PROOF_LIMITS.checksumFileBytes) {
    const over = `${shown(file)} is over ${PROOF_LIMITS.checksumFileBytes} bytes`
    return { problem: `has a checksum file that is too long: ${over}` }
  }
  const text = content.toString('utf8')
  if (text.includes('\0')) return { problem: `has a checksum file that is no text: ${shown(file)}` }
  const isOwn = isOwnChecksumFile(file, artifact)
  const found = new Map<string, Set<string>>()
  for (const line of linesOf(text)) {
    const sum = (isOwn ? parseBare(line, artifact) : null) ?? parseLine(line)
    if (sum === null || sum.name !== artifact) continue
    found.set(sum.algorithm, (found.get(sum.algorithm) ?? new Set()).add(sum.hex))
  }
  return found
}

interface Sum {
  readonly algorithm: Digest['algorithm'] | 'weak'
  readonly hex: string
  readonly name: string
}

/** sha256sum(1), sha256sum --tag, md5(1) of BSD, openssl-dgst(1). */
function parseLine(line: string): Sum | null {
  const [, mark, hex, name] = /^(\\?)([0-9a-fA-F]{32,128})[ \t]+\*?(.+)$/s.exec(line) ?? []
  if (hex !== undefined && name !== undefined) return sumOf(hex, name, mark === '\\')
  const tagged = /^(\\?)(?:MD5|SHA-?1|SHA(?:2-)?(256|512)) ?\((.*)\) ?= ?([0-9a-fA-F]{32,128})$/s.exec(line)
  if (tagged === null) return null
  const sum = sumOf(tagged[4] as string, tagged[3] as string, tagged[1] === '\\')
  const isAsNamed = sum !== null && sum.algorithm === (tagged[2] === undefined ? 'weak' : `sha${tagged[2]}`)
  return isAsNamed ? sum : null
}

/** A sum alone, or that of a stream, which sha256sum calls `-`. */
function parseBare(line: string, artifact: string): Sum | null {
  const [, hex] = /^([0-9a-fA-F]{32,128})(?:[ \t]+\*?-?)?$/.exec(line) ?? []
  return hex === undefined ? null : sumOf(hex, artifact, false)
}

function sumOf(hex: string, name: string, isEscaped: boolean): Sum | null {
  const algorithm = algorithmOf(hex) ?? (hex.length === 32 || hex.length === 40 ? 'weak' : null)
  if (algorithm === null) return null
  const plain = isEscaped ? unescaped(name) : name
  return plain === null ? null : { algorithm, hex: hex.toLowerCase(), name: plain.replace(/^(?:\.\/+)+/, '') }
}

/**
 * As coreutils write names with a line feed, a carriage return or a backslash in them; null for what they never write.
 */
function unescaped(name: string): string | null {
  if (/\\(?![nr\\])/.test(name.replaceAll('\\\\', ''))) return null
  return name.replace(/\\([nr\\])/g, (_, letter) => (letter === 'n' ? '\n' : letter === 'r' ? '\r' : '\\'))
}

function linesOf(text: string): string[] {
  return text.replace(/^\uFEFF/, '').split(/\r?\n/)
}

/** `other.tar.gz.sha256sum` is about another file, and is no list; `app_1.2.0_SHA256SUMS` and `app.sha256sums` are. */
function listOf(name: string): { readonly list: string; readonly prefix: string } | null {
  const plain = plainName(name.replace(/\.txt$/i, ''))
  for (const list of LISTS) {
    if (plain === list) return { list, prefix: '' }
    const at = plain.length - list.length - 1
    if (at < 1 || !plain.endsWith(`-${list}`)) continue
    if (/^sha\d+$/.test(list) || (/^sha\d+sum$/.test(list) && name[at] === '.')) return null
    return { list, prefix: name.slice(0, at) }
  }
  return null
}

/** `app_1.2.0` of `App-1.2.0-linux-amd64.tar.gz`: the two are often written in different ways. */
function beginsWith(artifact: string, prefix: string): boolean {
  return `${plainName(artifact)}-`.startsWith(`${plainName(prefix)}-`)
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/[_.]/g, '-')
}
