/**
 * What a name says about its file: the operating systems, the architectures, the C library, the program it is of and
 * the version. The name of the program may hold words that mean a platform elsewhere (`win-tool`, `go-arch-lint`), so
 * it is taken off first: by the hints, or as the beginning that all names share.
 */

import { type Format, formatOf } from './format.ts'
import type { Libc, Meaning } from './tokens.ts'
import { splitWords, takeApart, understand, type Word } from './words.ts'

export interface Traits {
  readonly name: string
  readonly format: Format
  /** Why this is nothing to run, or null. */
  readonly never: string | null
  /** The operating system the name or the format says, or null. */
  readonly os: string | null
  readonly archs: ReadonlySet<string>
  readonly libc: Libc | null
  readonly distro: string | null
  /** `22.04` of `ubuntu-22.04`, `2.17` of `glibc2.17`: what the host must have at least. */
  readonly systemVersion: string
  /** The words of the program and its variant, in their order. */
  readonly program: readonly string[]
  readonly versions: readonly string[]
  /** Whether the version of this release is in the name. */
  readonly isOfRelease: boolean
  readonly isChannel: boolean
}

/** Longer names are no names of artifacts; nothing is read out of them. */
export const MAX_NAME_LENGTH = 512

/** `programs` are the hints; a version that is given is taken out first. */
export function readTraits(names: readonly string[], programs: readonly string[], version: string | null): Traits[] {
  const bare = names.map((name) => withoutVersion(name.slice(-MAX_NAME_LENGTH), version))
  const formats = bare.map((name) => formatOf(name, programs))
  const words = formats.map(({ kind, stem }) => (kind === 'never' ? [] : splitWords(stem)))
  const prefixes = words.map((each) => programPrefix(each, programs))
  const shared = sharedPrefix(words.filter((_each, at) => formats[at]?.kind !== 'never'))
  return names.map((name, at) => {
    const { count, words: own } = prefixes[at] as Prefix
    const format = formats[at] as Format
    return toTraits(name, format, understand(own, Math.max(count, shared)), bare[at] !== name)
  })
}

/** The version where it stands as a whole, with or without its `v`. Only what looks like one: `2` may be anything. */
export function withoutVersion(text: string, version: string | null): string {
  const bare = version?.replace(/^v(?=\d)/i, '') ?? ''
  if (bare.length < 3 || bare.length > 100 || !/\d/.test(bare)) return text
  const at = text.toLowerCase().indexOf(bare.toLowerCase())
  if (at < 0 || /\d/.test(text.charAt(at + bare.length)) || IN_NUMBER.test(text.slice(0, at))) return text
  const start = /v/i.test(text.charAt(at - 1)) && !/[a-z]/i.test(text.charAt(at - 2)) ? at - 1 : at
  return `${text.slice(0, start)} ${text.slice(at + bare.length)}`
}

/** What follows is no version of its own (`0.1.2.3`), unless the number before it is the width of a machine. */
const IN_NUMBER = /(?:\d|(?<![a-z0-9])(?!(?:[3-6]?86|32|64)\.$)\d+\.)$/i

interface Prefix {
  readonly count: number
  readonly words: readonly string[]
}

/** How many words are the program that was hinted; a word that glues it to a platform (`toollinux`) is cut in two. */
function programPrefix(words: readonly string[], programs: readonly string[]): Prefix {
  for (const program of programs) {
    let joined = ''
    for (let at = 0; at < words.length && joined.length < program.length; at++) {
      const before = joined
      joined += words[at]
      if (joined === program) return { count: at + 1, words }
      const rest = joined.slice(program.length)
      if (joined.startsWith(program) && rest.length > 2 && takeApart(rest)) {
        const cut = program.slice(before.length)
        return { count: at + 1, words: [...words.slice(0, at), cut, rest, ...words.slice(at + 1)] }
      }
    }
  }
  return { count: 0, words }
}

/** How many words before an architecture all names begin with, when each still says its operating system after them. */
function sharedPrefix(all: readonly (readonly string[])[]): number {
  const [first, ...others] = all
  if (!first || others.length === 0) return 0
  let count = 0
  while (
    count < first.length &&
    understand(first.slice(count, count + 2), 0)[0]?.meaning?.arch === undefined &&
    others.every((words) => words[count] === first[count])
  ) {
    count++
  }
  if (count === 0) return 0
  const saysOs = (words: readonly string[]): boolean =>
    understand(words.slice(count), 0).some(({ meaning }) => meaning?.os !== undefined)
  return all.every(saysOs) ? count : 0
}

function toTraits(name: string, format: Format, words: readonly Word[], isOfRelease: boolean): Traits {
  const os = systemOf(words, format)
  const archs = archsOf(words)
  const libc = libcOf(words, os)
  return {
    name,
    format,
    never: neverOf(name, format, words, os !== null || archs.size > 0),
    os: os ?? systemOfLibc(libc),
    archs,
    libc,
    distro: words.findLast(({ meaning }) => meaning?.distro)?.meaning?.distro ?? null,
    systemVersion: words
      .filter((word, at) => isOfSystem(word, words[at - 1]))
      .map(({ text }) => text)
      .join('.'),
    program: words.filter((word, at) => isOfProgram(word, at)).map(({ text }) => text),
    versions: words
      .filter((word, at) => word.isVersion && !isOfSystem(word, words[at - 1]))
      .map(({ text }) => text.replace(/^v/, '')),
    isOfRelease,
    isChannel: words.some(({ meaning }, at) => at > 0 && meaning?.isChannel === true),
  }
}

/** The last one that is said plainly counts, for names go from the program to the platform. */
function systemOf(words: readonly Word[], format: Format): string | null {
  const said = words.flatMap(({ meaning }) => (meaning?.os === undefined ? [] : [meaning]))
  const plain = said.filter(({ isWeakOs, isWeakArch }) => !isWeakOs && !isWeakArch)
  const among = plain.length > 0 ? plain : said
  if (among.some(({ os }) => os === 'android')) return 'android'
  if (among.some(({ os }) => os === 'ios')) return 'ios'
  return among.at(-1)?.os ?? format.os ?? null
}

function archsOf(words: readonly Word[]): ReadonlySet<string> {
  const said = words.flatMap(({ meaning }) =>
    meaning?.arch === undefined ? [] : [meaning as Meaning & { arch: string }],
  )
  const plain = said.filter(({ isWeakArch }) => !isWeakArch).map(({ arch }) => arch)
  const weak = said.filter(({ isWeakArch }) => isWeakArch).map(({ arch }) => arch)
  // `64bit_win32`: the second one is the system.
  const width = said.filter(({ isWeakArch, os }) => isWeakArch && os === undefined).map(({ arch }) => arch)
  if (plain.length === 0) return new Set((width.length > 0 ? width : weak).slice(-1))
  // `arm-64bit`
  if (plain.length === 1 && plain[0] === 'arm' && weak.includes('x64')) return new Set(['arm64'])
  return new Set(plain)
}

function libcOf(words: readonly Word[], os: string | null): Libc | null {
  const said = words.flatMap(({ meaning }) => meaning?.libc ?? [])
  const libc = said.find((each) => each === 'musl') ?? said.find((each) => each !== 'static') ?? said[0] ?? null
  if (os === 'win32') return libc === 'glibc' ? 'mingw' : libc
  return libc
}

function systemOfLibc(libc: Libc | null): string | null {
  if (libc === 'glibc' || libc === 'musl') return 'linux'
  return libc === 'msvc' || libc === 'mingw' ? 'win32' : null
}

function neverOf(name: string, format: Format, words: readonly Word[], hasPlatform: boolean): string | null {
  if (name.length > MAX_NAME_LENGTH) return `longer than ${MAX_NAME_LENGTH} letters`
  if (/[\p{Cc}/\\]/u.test(name) || name === '' || name.startsWith('.')) return 'not the name of a plain file'
  if (format.kind === 'never') return format.what ?? 'nothing to run'
  const isAlone = !hasPlatform && !words.some(({ meaning, isVersion }) => meaning === null && !isVersion)
  for (const [at, { meaning }] of words.entries()) {
    if (meaning?.never === undefined || (at === 0 && !isAlone)) continue
    const isInstaller = meaning.never === 'an installer'
    if (!isInstaller || format.kind === 'script' || format.ending === '.exe') return meaning.never
  }
  return null
}

/** A number after a distribution or a libc is theirs; after `linux` it is the version of the program. */
function isOfSystem({ isVersion, text }: Word, before: Word | undefined): boolean {
  const { os, distro, libc } = before?.meaning ?? {}
  if (!isVersion) return false
  return distro !== undefined || libc === 'glibc' || (os === 'darwin' && /^1\d(?:\.\d+)?$/.test(text))
}

/** Channels and noise are no part of it, except as the first word: `git-lfs`. */
function isOfProgram({ meaning, isVersion }: Word, at: number): boolean {
  if (isVersion) return false
  if (meaning === null) return true
  const { os, arch, libc, distro, isNoise, isChannel } = meaning
  if (os !== undefined || arch !== undefined || libc !== undefined || distro !== undefined) return false
  return at === 0 || !(isNoise || isChannel)
}
