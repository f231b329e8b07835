import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { painter } from '../../src/report/color.ts'
import { columnsOf, cut, visibleLength, wrap } from '../../src/report/layout.ts'

const paint = painter(true)
const words = fc.array(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 30 })

describe('wrap', () => {
  test('never makes a line too long, and loses no word', () => {
    fc.assert(
      fc.property(words, fc.integer({ min: 14, max: 80 }), (list, columns) => {
        const lines = wrap(list.map((word, at) => (at % 3 ? word : paint('bold', word))).join(' '), columns, 4)
        for (const line of lines) expect(visibleLength(line)).toBeLessThanOrEqual(columns)
        const seen = lines.flatMap((line) => line.match(/[a-z]{1,8}(?![\d;a-z]*\[)/g) ?? []).join('')
        expect(seen.replaceAll('m', '')).toBe(list.join('').replaceAll('m', ''))
      }),
    )
  })

  test('keeps the blanks within a line, and begins the later ones with the indent', () => {
    expect(wrap('  label  one  two three', 14, 9)).toEqual(['  label  one', '         two', '         three'])
  })

  test('a word that is too long stays whole', () => {
    expect(wrap('a verylongwordindeed b', 8, 2)).toEqual(['a', '  verylongwordindeed', '  b'])
  })
})

describe('cut', () => {
  test('says that something is missing, and ends the colours', () => {
    expect(cut('short', 5)).toBe('short')
    expect(cut('longer', 5)).toBe('long…\u001b[0m')
    expect(cut(`${paint('red', 'red')} and more`, 7)).toBe('\u001b[31mred\u001b[0m an…\u001b[0m')
  })
})

describe('columnsOf', () => {
  test('pads by what is seen, and nothing at the end', () => {
    expect(
      columnsOf([
        [paint('green', 'a'), 'one', ''],
        ['bbb', '', 'x'],
      ]),
    ).toEqual([`${paint('green', 'a')}    one`, 'bbb       x'])
  })

  test('gives no room to a column that is empty', () => {
    expect(
      columnsOf([
        ['a', '', 'one'],
        ['b', '', 'two'],
      ]),
    ).toEqual(['a  one', 'b  two'])
  })
})
