import { expect, test } from 'vitest'
import { parseDuration } from '../../src/core/duration.ts'

test('a duration is a number and a unit', () => {
  expect(['500ms', '30s', '1.5m', '1h', '24d', '0'].map(parseDuration)).toEqual([
    500, 30_000, 90_000, 3_600_000, 2_073_600_000, 0,
  ])
})

test.each(['', '5', '5 s', '-1s', '1w'])("'%s' is none", (text) => {
  expect(() => parseDuration(text)).toThrow('is not a duration')
})

test('what no timer of Node can wait for is refused, since it would end at once', () => {
  expect(() => parseDuration('25d')).toThrow("'25d' is too long: the most is 24d")
})
