import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compilePattern } from '../../src/core/pattern.ts'

function finds(source: string, text: string): boolean {
  const pattern = compilePattern(source)
  if ('problem' in pattern) throw new Error(pattern.problem)
  return pattern.test(text)
}

describe('a pattern', () => {
  const literal = fc.constantFrom(
    'a',
    'b',
    '1',
    '-',
    '.',
    '\\.',
    '\\d',
    '\\w',
    '\\W',
    '[ab]',
    '[^a]',
    '[a-c1]',
    '[\\d-]',
    '^',
    '$',
    '\\b',
  )
  const source = fc.letrec<{ all: string; one: string }>((tie) => ({
    one: fc.oneof(
      { maxDepth: 4 },
      literal,
      tie('all').map((inner) => `(?:${inner})`),
    ),
    all: fc
      .array(fc.tuple(tie('one'), fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,2}', '{0,}', '+?', '|')), {
        maxLength: 4,
      })
      .map((parts) =>
        parts.map(([one, suffix]) => (/^(?:[\^$]|\\b)$/.test(one) && suffix !== '|' ? one : one + suffix)).join(''),
      ),
  })).all

  test('finds what the engine of JavaScript finds', () => {
    fc.assert(
      fc.property(
        source,
        fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', '-', '.', '\n'), maxLength: 8 }),
        (pattern, text) => {
          expect(finds(pattern, text), pattern).toBe(new RegExp(pattern).test(text))
        },
      ),
      { numRuns: 3_000 },
    )
  })

  test('may ignore case, in the whole or in a group', () => {
    expect(finds('(?i)^oxLint-[A-C]', 'OXLINT-b')).toBe(true)
    expect(finds('a(?i:b)c', 'aBc')).toBe(true)
    expect(finds('a(?i:b)c', 'aBC')).toBe(false)
    expect(finds('(?P<name>a)|(?<other>b)', 'b')).toBe(true)
  })

  test.each([
    ['app(', "'(' without ')'"],
    ['app)', "')' without '('"],
    ['*', "'*' has nothing to repeat"],
    ['[a', 'it ends too early'],
    ['a{3,1}', "'{3,1}' is the wrong way round"],
    ['[z-a]', "the range 'z-a' is the wrong way round"],
    ['(?=a)', 'look-around is not supported'],
    ['(a)\\1', "'\\1' is not supported"],
    ['a{999}{999}', 'it repeats too much'],
    ['a'.repeat(501), 'it is longer than 500 letters'],
    ['('.repeat(60), 'it is nested too deeply'],
  ])('%s cannot be read, and says why', (pattern, problem) => {
    expect(compilePattern(pattern)).toEqual({ problem })
  })

  test('takes no time, whatever the text', () => {
    const before = process.cpuUsage()
    expect(finds('^(a+)+(a|a)*(.*)*x$', 'a'.repeat(5_000))).toBe(false)
    expect(finds('(?:){999}{999}{999}', '')).toBe(true)
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2_000)
  })
})
