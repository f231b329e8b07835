/**
 * Reads a regular expression into a tree (pattern.ts runs it). The usual syntax, with `(?i)` and named groups; lazy and
 * greedy are the same, for only yes or no is asked.
 */

export type Test = (char: string) => boolean
export type Assertion = (before: string, after: string) => boolean

export type Node =
  | { readonly kind: 'char'; readonly test: Test }
  | { readonly kind: 'assert'; readonly holds: Assertion }
  | { readonly kind: 'sequence'; readonly parts: readonly Node[] }
  | { readonly kind: 'either'; readonly parts: readonly Node[] }
  | { readonly kind: 'repeat'; readonly part: Node; readonly least: number; readonly most: number }

/** A pattern that cannot be read, and why. */
export class Problem extends Error {}

const MAX_DEPTH = 50

const isWordChar: Test = (char) => /^\w$/.test(char)
const CLASSES: Readonly<Record<string, Test>> = {
  d: (char) => /^\d$/.test(char),
  w: isWordChar,
  s: (char) => /^\s$/.test(char),
}
const ASSERTIONS: Readonly<Record<string, Assertion>> = {
  '^': (before) => before === '',
  $: (_before, after) => after === '',
  A: (before) => before === '',
  z: (_before, after) => after === '',
  b: (before, after) => isWordChar(before) !== isWordChar(after),
  B: (before, after) => isWordChar(before) === isWordChar(after),
}
const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f', v: '\v' }

/** Recursive descent over the usual syntax; letters in a bracket class are ranges of code points. */
export class Reader {
  private readonly chars: readonly string[]
  private at = 0
  private isCaseless = false
  private depth = 0

  constructor(source: string) {
    this.chars = [...source]
  }

  read(): Node {
    const node = this.alternatives()
    if (this.at < this.chars.length) throw new Problem(`')' without '('`)
    return node
  }

  private alternatives(): Node {
    const wasCaseless = this.isCaseless
    if (++this.depth > MAX_DEPTH) throw new Problem('it is nested too deeply')
    const parts = [this.sequence()]
    while (this.take('|')) parts.push(this.sequence())
    this.depth--
    this.isCaseless = wasCaseless
    return parts.length === 1 ? (parts[0] as Node) : { kind: 'either', parts }
  }

  private sequence(): Node {
    const parts: Node[] = []
    while (this.at < this.chars.length && this.peek() !== '|' && this.peek() !== ')') parts.push(this.repeated())
    return { kind: 'sequence', parts }
  }

  private repeated(): Node {
    let node = this.single()
    for (let times = this.times(); times !== null; times = this.times()) {
      node = { kind: 'repeat', part: node, ...times }
      // Lazy or greedy is the same, where only yes or no is asked.
      this.take('?')
    }
    return node
  }

  private times(): { least: number; most: number } | null {
    if (this.take('*')) return { least: 0, most: Number.POSITIVE_INFINITY }
    if (this.take('+')) return { least: 1, most: Number.POSITIVE_INFINITY }
    if (this.take('?')) return { least: 0, most: 1 }
    const braces = /^\{(\d{1,3})(,?)(\d{0,3})\}/.exec(this.chars.slice(this.at, this.at + 10).join(''))
    if (!braces) return null
    const [all, from = '', comma = '', to = ''] = braces
    const least = Number(from)
    const most = comma === '' ? least : to === '' ? Number.POSITIVE_INFINITY : Number(to)
    if (most < least) throw new Problem(`'${all}' is the wrong way round`)
    this.at += all.length
    return { least, most }
  }

  private single(): Node {
    const char = this.next()
    switch (char) {
      case '.':
        return { kind: 'char', test: (each) => each !== '\n' }
      case '(':
        return this.group()
      case '[':
        return this.bracket()
      case '\\':
        return this.escape()
      case '^':
      case '$':
        return { kind: 'assert', holds: ASSERTIONS[char] as Assertion }
      case '*':
      case '+':
      case '?':
        throw new Problem(`'${char}' has nothing to repeat`)
      default:
        return this.literal(char)
    }
  }

  private group(): Node {
    if (this.take('?')) {
      const head = /^(?:([is]*):|([is]+)\)|P?<[A-Za-z_]\w*>)/.exec(this.chars.slice(this.at, this.at + 60).join(''))
      if (!head) throw new Problem('look-around is not supported')
      this.at += head[0].length
      const flags = head[1] ?? head[2] ?? ''
      const was = this.isCaseless
      if (flags.includes('i')) this.isCaseless = true
      if (head[2] !== undefined) return { kind: 'sequence', parts: [] }
      const node = this.closed()
      this.isCaseless = was
      return node
    }
    return this.closed()
  }

  private closed(): Node {
    const node = this.alternatives()
    if (!this.take(')')) throw new Problem(`'(' without ')'`)
    return node
  }

  private escape(): Node {
    const char = this.next()
    const assertion = Object.hasOwn(ASSERTIONS, char) && /[a-zA-Z]/.test(char) ? ASSERTIONS[char] : undefined
    if (assertion) return { kind: 'assert', holds: assertion }
    const test = classOf(char)
    return test ? { kind: 'char', test } : this.literal(escaped(char))
  }

  private bracket(): Node {
    const isNot = this.take('^')
    const tests: Test[] = []
    for (let isFirst = true; isFirst || this.peek() !== ']'; isFirst = false) {
      const char = this.next()
      const test = char === '\\' ? classOf(this.peek()) : undefined
      if (test) {
        this.next()
        tests.push(test)
        continue
      }
      const from = char === '\\' ? escaped(this.next()) : char
      const isRange = this.peek() === '-' && this.chars[this.at + 1] !== undefined && this.chars[this.at + 1] !== ']'
      if (isRange) this.next()
      const last = isRange ? this.next() : from
      const to = isRange && last === '\\' ? escaped(this.next()) : last
      if (to < from) throw new Problem(`the range '${from}-${to}' is the wrong way round`)
      tests.push((each) => each >= from && each <= to)
    }
    this.next()
    const isIn: Test = (char) => tests.some((test) => test(char))
    const folded: Test = this.isCaseless ? (char) => isIn(char.toLowerCase()) || isIn(char.toUpperCase()) : isIn
    return { kind: 'char', test: (char) => folded(char) !== isNot }
  }

  private literal(char: string): Node {
    const isCaseless = this.isCaseless
    const wanted = isCaseless ? char.toLowerCase() : char
    return { kind: 'char', test: (each) => (isCaseless ? each.toLowerCase() : each) === wanted }
  }

  private peek(): string {
    return this.chars[this.at] ?? ''
  }

  private next(): string {
    const char = this.chars[this.at++]
    if (char === undefined) throw new Problem('it ends too early')
    return char
  }

  private take(char: string): boolean {
    if (this.chars[this.at] !== char) return false
    this.at++
    return true
  }
}

/** `\d`, `\W` and so on. */
function classOf(letter: string): Test | undefined {
  const lower = letter.toLowerCase()
  const test = Object.hasOwn(CLASSES, lower) ? CLASSES[lower] : undefined
  return test && letter !== lower ? (char) => !test(char) : test
}

function escaped(char: string): string {
  if (Object.hasOwn(ESCAPES, char)) return ESCAPES[char] as string
  if (/[A-Za-z0-9]/.test(char)) throw new Problem(`'\\${char}' is not supported`)
  return char
}
