/** The examples are those of systemd.service(5) and systemd.syntax(7), read backwards. */

import { expect, test } from 'vitest'
import { argument, plain, program } from '../../src/core/systemd-words.ts'

test.each([
  ['--listen', '--listen'],
  ['[::1]:8080', '[::1]:8080'],
  ['', '""'],
  [';', '";"'],
  ['two words', '"two words"'],
  ['say "yes"', '"say \\"yes\\""'],
  ["it's", '"it\'s"'],
  ['back\\slash', '"back\\\\slash"'],
  ['$HOME', '$$HOME'],
  ['$1;', '"$$1;"'],
  ['100%', '100%%'],
  ['a\nb\tc', '"a\\nb\\tc"'],
  ['\u0007', '"\\x07"'],
  ['grüße', '"grüße"'],
])('%j is written %s', (word, written) => {
  expect(argument(word)).toBe(written)
})

test('of a program only specifiers are looked for', () => {
  expect(program('/opt/$x/50%/node')).toBe('/opt/$x/50%%/node')
})

test('a value that takes the whole line is not quoted', () => {
  expect(plain('/etc/my token 1%')).toBe('/etc/my token 1%%')
})
