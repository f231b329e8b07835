/** The examples are those of systemd.service(5) and systemd.syntax(7), read backwards. */

import { expect, test } from 'vitest'
import { argument, plain, word } from '../../src/core/systemd-words.ts'

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
])('%j is written %s', (text, written) => {
  expect(argument(text)).toBe(written)
})

test('of a program, or what is assigned, only specifiers are looked for', () => {
  expect(word('/opt/$x/50%/node')).toBe('/opt/$x/50%%/node')
})

test('a value that takes the whole line is not quoted', () => {
  expect(plain('/etc/my token 1%')).toBe('/etc/my token 1%%')
})
