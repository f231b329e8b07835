/**
 * An artifact name as words with meanings. Names are glued together in every way there is (`x86_64`, `linux-64bit`,
 * `LinuxARM64`, `linuxstatic`, `manylinux2014`), so words are split at punctuation and at a capital, neighbours are
 * joined again where that makes a known word, and a long word is taken apart where all its parts are known.
 * Names are hostile: all loops are bounded by the length of the name times small constants.
 */

import { type Meaning, VOCABULARY } from './tokens.ts'

export interface Word {
  readonly text: string
  /** Null for what is not in the vocabulary: part of the name of the program. */
  readonly meaning: Meaning | null
  /** A version, a date, a commit. */
  readonly isVersion: boolean
}

/** The longest word that is taken apart; the longest spelling of a platform has about 20 letters. */
const MAX_GLUED = 32
/** The longest run of words that may be one (`x86_64-v3`). */
const MAX_JOINED = 3

const NO_WORD = /[^a-z0-9.]+/
const WORD = /v?\d+(?:\.\d+)+[a-z0-9]*|[a-z0-9]+/g
const VERSION = /^(?:v?\d+(?:\.\d+)+[a-z0-9]*|v?\d+[a-z]?|r\d+|(?:rc|alpha|beta|pre|dev|build|b)\d+)$/
const COMMIT = /^(?=.*\d)(?=.*[a-f])g?[0-9a-f]{7,40}$/

/** The words as written, lower case, split at punctuation, and at a capital where that is no word as it stands. */
export function splitWords(name: string): string[] {
  return name
    .replace(/[A-Za-z0-9]+/g, (run) => (isKnown(run.toLowerCase()) ? run : run.replace(/([a-z0-9])(?=[A-Z])/g, '$1 ')))
    .toLowerCase()
    .split(NO_WORD)
    .flatMap((text, at, all) =>
      (text.match(WORD) ?? []).flatMap((word) =>
        apartFromVersion(word, /[a-z0-9]*$/.exec(all[at - 1] ?? '')?.[0] ?? ''),
      ),
    )
}

/** Dots between all words: `386.1.2.3`, `x86_64.1.2.3`, `1.2.3.64bit`. A version may end in 386. */
function apartFromVersion(word: string, before: string): string[] {
  const parts = word.split('.')
  if (parts.length < 3) return [word]
  const [first = '', last = ''] = [parts[0], parts.at(-1)]
  const isMachine = VOCABULARY.get(first)?.arch !== undefined || (first === '64' && VOCABULARY.has(`${before}64`))
  if (isMachine) return [first, parts.slice(1).join('.')]
  const isWidth = /[a-z]/.test(last) && VOCABULARY.get(last)?.arch !== undefined
  return isWidth ? [parts.slice(0, -1).join('.'), last] : [word]
}

function isKnown(text: string): boolean {
  return VOCABULARY.has(text) || takeApart(text) !== null
}

/** Letters and digits only: how names of programs are compared. */
export function squeeze(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, '')
}

/** The first `protectedCount` words are the name of the program, whatever they mean elsewhere. */
export function understand(words: readonly string[], protectedCount: number): Word[] {
  const found: Word[] = words.slice(0, protectedCount).map((text) => ({ text, meaning: null, isVersion: false }))
  for (let at = protectedCount; at < words.length; ) {
    const { taken, words: next } = nextWords(words, at)
    found.push(...next)
    at += taken
  }
  return found
}

function nextWords(words: readonly string[], at: number): { taken: number; words: Word[] } {
  for (let count = Math.min(MAX_JOINED, words.length - at); count >= 1; count--) {
    const text = words.slice(at, at + count).join('')
    const meaning = VOCABULARY.get(text)
    if (meaning) return { taken: count, words: [{ text, meaning, isVersion: false }] }
  }
  const text = words[at] as string
  if (VERSION.test(text) || COMMIT.test(text)) return { taken: 1, words: [{ text, meaning: null, isVersion: true }] }
  // `linuxx86_64`
  const wide = /^(?:64|32)$/.test(words[at + 1] ?? '') ? takeApart(text + words[at + 1]) : null
  if (wide) return { taken: 2, words: wide }
  return { taken: 1, words: takeApart(text) ?? endsInSystem(text) ?? [{ text, meaning: null, isVersion: false }] }
}

/** `linuxx64` is Linux and x64; `mandroid` is not Android. Needs a known operating system among the parts. */
export function takeApart(text: string): Word[] | null {
  if (text.length > MAX_GLUED || text.length < 4) return null
  // best[i]: a way to write the first i letters in known words, by the longest word last.
  const best: (Word[] | null)[] = [[]]
  for (let end = 1; end <= text.length; end++) {
    best[end] = null
    for (let start = 0; start < end && best[end] === null; start++) {
      const before = best[start]
      if (!before) continue
      const part = text.slice(start, end)
      const meaning = part.length > 1 ? VOCABULARY.get(part) : undefined
      if (meaning && isPlatform(meaning)) best[end] = [...before, { text: part, meaning, isVersion: false }]
      else if (/^\d+$/.test(part) && before.at(-1)?.meaning?.os) {
        best[end] = [...before, { text: part, meaning: null, isVersion: true }]
      }
    }
  }
  const parts = best[text.length] ?? null
  return parts?.some(({ meaning }) => meaning?.os !== undefined) ? parts : null
}

/** `toollinux`: a program and its operating system in one word. Only for words that end no other one. */
function endsInSystem(text: string): Word[] | null {
  const [, program = '', os = ''] =
    /^(.{2,60}?)(linux|darwin|windows|macos|freebsd|linux64|win64|win32|macosx)$/.exec(text) ?? []
  const meaning = VOCABULARY.get(os)
  if (!meaning) return null
  return [
    { text: program, meaning: null, isVersion: false },
    { text: os, meaning, isVersion: false },
  ]
}

function isPlatform({ os, arch, libc }: Meaning): boolean {
  return os !== undefined || arch !== undefined || libc !== undefined
}
