/**
 * Where a text stops being JSON (RFC 8259), for people who wrote it by hand. JSON.parse tells the place in some
 * versions of the engine and for some mistakes only, and takes a key that stands twice in one object, the last one
 * silently. Asked only once JSON.parse has failed, or to make sure of the keys.
 */

export interface JsonProblem {
  /** From 1. */
  readonly line: number
  readonly column: number
  /** Such as `expected a comma or }, found "listen"`. */
  readonly what: string
}

/** Deeper than anything that is configured here; the scan is recursive. */
const DEEPEST = 100
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const WORD = /[A-Za-z_$][\w$-]*/y

/** Null for a JSON text in which no object has a key twice. */
export function jsonProblem(text: string): JsonProblem | null {
  try {
    const end = skip(text, value(text, skip(text, 0), 0))
    return end === text.length ? null : place(text, end, `expected the end, found ${found(text, end)}`)
  } catch (error) {
    if (error instanceof Mistake) return place(text, error.at, error.what)
    throw error
  }
}

class Mistake {
  readonly at: number
  readonly what: string
  constructor(at: number, what: string) {
    this.at = at
    this.what = what
  }
}

/** Each of these takes the place where something begins and gives the place behind it. */
function value(text: string, at: number, depth: number): number {
  if (depth > DEEPEST) throw new Mistake(at, 'it is nested too deep')
  const first = text[at]
  if (first === '{') return object(text, at, depth)
  if (first === '[') return array(text, at, depth)
  if (first === '"') return string(text, at)
  for (const word of ['true', 'false', 'null']) if (match(WORD, text, at) === word) return at + word.length
  const number = match(NUMBER, text, at)
  if (number !== '') return at + number.length
  throw new Mistake(at, `expected a value, found ${found(text, at)}`)
}

function object(text: string, start: number, depth: number): number {
  const keys = new Set<string>()
  let at = skip(text, start + 1)
  if (text[at] === '}') return at + 1
  for (;;) {
    if (text[at] !== '"') throw new Mistake(at, `expected a key in double quotes, found ${found(text, at)}`)
    const behind = string(text, at)
    const key = JSON.parse(text.slice(at, behind)) as string
    if (keys.has(key)) throw new Mistake(at, `the key ${text.slice(at, behind)} stands here a second time`)
    keys.add(key)
    at = skip(text, behind)
    if (text[at] !== ':') throw new Mistake(at, `expected a colon, found ${found(text, at)}`)
    at = skip(text, value(text, skip(text, at + 1), depth + 1))
    if (text[at] === '}') return at + 1
    if (text[at] !== ',') throw new Mistake(at, `expected a comma or }, found ${found(text, at)}`)
    at = skip(text, at + 1)
  }
}

function array(text: string, start: number, depth: number): number {
  let at = skip(text, start + 1)
  if (text[at] === ']') return at + 1
  for (;;) {
    at = skip(text, value(text, at, depth + 1))
    if (text[at] === ']') return at + 1
    if (text[at] !== ',') throw new Mistake(at, `expected a comma or ], found ${found(text, at)}`)
    at = skip(text, at + 1)
  }
}

function string(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const character = text[at] as string
    if (character === '"') return at + 1
    if (character < ' ') throw new Mistake(at, 'a text ends on the line on which it begins: write \\n or \\t')
    if (character !== '\\') continue
    const escaped = /^(?:["\\/bfnrt]|u[\da-fA-F]{4})/.exec(text.slice(at + 1, at + 6))
    if (!escaped) throw new Mistake(at, 'a backslash that escapes nothing: write two')
    at += escaped[0].length
  }
  throw new Mistake(start, 'a text that is not closed')
}

function skip(text: string, at: number): number {
  while (/[ \t\r\n]/.test(text[at] ?? '')) at++
  return at
}

function match(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? ''
}

function found(text: string, at: number): string {
  const character = text[at]
  if (character === undefined) return 'the end'
  if (text.startsWith('//', at) || text.startsWith('/*', at)) return 'a comment, which JSON has none of'
  return character === '"'
    ? text.slice(at, at + 40).replace(/^("[^"\n]*"?).*$/s, '$1')
    : match(WORD, text, at) || character
}

function place(text: string, at: number, what: string): JsonProblem {
  const before = text.slice(0, at).split('\n')
  return { line: before.length, column: (before.at(-1) as string).length + 1, what }
}
