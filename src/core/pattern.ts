/**
 * Regular expressions in linear time. The names they are held against come from strangers, and JavaScript's own engine
 * tries every way there is to fail (`(a+)+$`), so a pattern of an operator would let a stranger stop the program. This
 * one follows all ways at once (Thompson's construction, as RE2 and Rust's regex do) and therefore knows no
 * backreferences and no look-around; a pattern with those is a problem told in words.
 */

export interface Pattern {
  /** Whether it finds something anywhere in the text. Takes at most its own size times the length of the text. */
  test(text: string): boolean
}

/** More would be no pattern for names: `a{99}{99}`. */
const MAX_STATES = 1_000
const MAX_PATTERN_LENGTH = 500
const MAX_DEPTH = 50

type Test = (char: string) => boolean
type Assertion = (before: string, after: string) => boolean

type Node =
  | { readonly kind: 'char'; readonly test: Test }
  | { readonly kind: 'assert'; readonly holds: Assertion }
  | { readonly kind: 'sequence'; readonly parts: readonly Node[] }
  | { readonly kind: 'either'; readonly parts: readonly Node[] }
  | { readonly kind: 'repeat'; readonly part: Node; readonly least: number; readonly most: number }

type State =
  | { readonly kind: 'char'; readonly test: Test; next: number }
  | { readonly kind: 'assert'; readonly holds: Assertion; next: number }
  | { readonly kind: 'split'; readonly next: number[] }
  | { readonly kind: 'found' }

export function compilePattern(source: string): Pattern | { readonly problem: string } {
  try {
    if (source.length > MAX_PATTERN_LENGTH) throw new Problem(`it is longer than ${MAX_PATTERN_LENGTH} letters`)
    const states: State[] = [{ kind: 'found' }]
    const start = build(new Reader(source).read(), 0, states)
    return { test: (text) => run(states, start, text) }
  } catch (error) {
    if (error instanceof Problem) return { problem: error.message }
    throw error
  }
}

class Problem extends Error {}

/** Adds the states for a node in front of `next`; the result is the first of them. */
function build(node: Node, next: number, states: State[]): number {
  switch (node.kind) {
    case 'char':
      return add(states, { kind: 'char', test: node.test, next })
    case 'assert':
      return add(states, { kind: 'assert', holds: node.holds, next })
    case 'sequence':
      return node.parts.reduceRight((after, part) => build(part, after, states), next)
    case 'either':
      return add(states, { kind: 'split', next: node.parts.map((part) => build(part, next, states)) })
    case 'repeat':
      return repeat(node, next, states)
  }
}

function repeat({ part, least, most }: Node & { kind: 'repeat' }, next: number, states: State[]): number {
  let start = next
  if (most === Number.POSITIVE_INFINITY) {
    const split: State = { kind: 'split', next: [next] }
    start = add(states, split)
    split.next.push(build(part, start, states))
  } else {
    for (let count = least; count < most; count++) {
      start = add(states, { kind: 'split', next: [next, build(part, start, states)] })
    }
  }
  for (let count = 0; count < least; count++) {
    const again = build(part, start, states)
    // Nothing a thousand times is nothing: `(?:){999}{999}{999}`.
    if (again === start) break
    start = again
  }
  return start
}

function add(states: State[], state: State): number {
  if (states.length >= MAX_STATES) throw new Problem('it repeats too much')
  return states.push(state) - 1
}

function run(states: readonly State[], start: number, text: string): boolean {
  const chars = [...text]
  let current = new Set<number>()
  for (let at = 0; at <= chars.length; at++) {
    const [before = '', after = ''] = [chars[at - 1], chars[at]]
    const reached = new Set<number>()
    // A find may begin anywhere, so the start is reached at every place.
    const stack = [...current, start]
    for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
      if (reached.has(index)) continue
      reached.add(index)
      const state = states[index] as State
      if (state.kind === 'found') return true
      if (state.kind === 'split') stack.push(...state.next)
      if (state.kind === 'assert' && state.holds(before, after)) stack.push(state.next)
    }
    current = new Set()
    for (const index of reached) {
      const state = states[index] as State
      if (state.kind === 'char' && at < chars.length && state.test(after)) current.add(state.next)
    }
  }
  return false
}

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
class Reader {
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
    const [all, from, comma, to] = braces as unknown as [string, string, string, string]
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
