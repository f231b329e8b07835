import fc from 'fast-check'
import semver from 'semver'
import { expect, test } from 'vitest'
import { isRangeForm } from '../../src/core/range-form.ts'

test.each(['', '*', 'x', '1', '1.x', '^1.2', '~1.4', '>= 1.2 <3', '1.2 - 2.3', '1 || ^2.0.0-rc.1', 'v1.2.3+build'])(
  '%j has the form of a range',
  (text) => {
    expect(semver.validRange(text)).not.toBeNull()
    expect(isRangeForm(text)).toBe(true)
  },
)

test.each(['^^1', '1,2', '1.2.3.4', '^1.', '>=', '^1 or ^2', '=>1', '1 - 2 - 3', '1..2', '01.2', '$1', '^1 |2'])(
  '%j has not',
  (text) => {
    expect(semver.validRange(text)).toBeNull()
    expect(isRangeForm(text)).toBe(false)
  },
)

test('whatever semver takes for a range that somebody wrote on purpose has its form', () => {
  const number = fc.constantFrom('0', '1', '20', 'x', 'X', '*')
  const tail = fc.constantFrom('', '-rc.1', '-0', '+5', '-beta+exp.sha')
  const whole = fc.tuple(number, number, number, tail).map(([a, b, c, end]) => `${a}.${b}.${c}${end}`)
  const partial = fc.oneof(
    number,
    fc.tuple(number, number).map(([a, b]) => `${a}.${b}`),
    whole,
  )
  const operator = fc.constantFrom('', '^', '~', '~>', '>', '<', '>=', '<=', '=', 'v', '=v', '> ', '^ ', '>= ')
  const comparator = fc.tuple(operator, partial).map(([a, b]) => a + b)
  const some = fc.array(comparator, { minLength: 1, maxLength: 3 }).map((all) => all.join(' '))
  const between = fc.tuple(partial, partial).map(([a, b]) => `${a} - ${b}`)
  const range = fc.array(fc.oneof(some, between), { minLength: 1, maxLength: 3 }).map((all) => all.join(' || '))
  fc.assert(
    fc.property(range, (text) => {
      fc.pre(semver.validRange(text) !== null)
      expect(isRangeForm(text)).toBe(true)
    }),
  )
})
