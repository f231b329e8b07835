/**
 * Regular expressions in linear time. The names they are held against come from strangers, and JavaScript's own engine
 * tries every way there is to fail (`(a+)+$`), so a pattern of an operator would let a stranger stop the program. This
 * one follows all ways at once (Thompson's construction, as RE2 and Rust's regex do) and therefore knows no
 * backreferences and no look-around; a pattern with those is a problem told in words.
 */

import { type Assertion, type Node, Problem, Reader, type Test } from './pattern-reader.ts'

export interface Pattern {
  /** Whether it finds something anywhere in the text. Takes at most its own size times the length of the text. */
  test(text: string): boolean
}

/** More would be no pattern for names: `a{99}{99}`. */
const MAX_STATES = 1_000
const MAX_PATTERN_LENGTH = 500

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
