import fc from 'fast-check'
import { expect, test } from 'vitest'
import { jsonProblem } from '../../src/core/json-problem.ts'

test.each<[string, string, number, number, RegExp]>([
  ['nothing', '', 1, 1, /expected a value, found the end/],
  ['a key without quotes', '{\n  fetch: 1\n}', 2, 3, /a key in double quotes, found fetch/],
  ['a comma too many', '{\n  "a": 1,\n}', 3, 1, /expected a key in double quotes, found }/],
  ['a comma too few', '{\n  "a": 1\n  "b": 2\n}', 3, 3, /a comma or }, found "b"/],
  ['a comma too few in a list', '[1 2]', 1, 4, /a comma or \], found 2/],
  ['a comment', '{\n  // the port\n  "a": 1\n}', 2, 3, /a comment/],
  ['no colon', '{"a" 1}', 1, 6, /expected a colon/],
  ['single quotes', "{'a': 1}", 1, 2, /double quotes/],
  ['a text that is not closed', '{"a": "b', 1, 7, /not closed/],
  ['a line break in a text', '{"a": "b\nc"}', 1, 9, /ends on the line/],
  ['a backslash of Windows', '{"a": "C:\\x"}', 1, 10, /write two/],
  ['a word', '{"a": yes}', 1, 7, /found yes/],
  ['a number with a zero in front', '[01]', 1, 3, /a comma or \]/],
  ['something behind the end', '{} {}', 1, 4, /expected the end/],
  ['a key that stands twice', '{"apps": {\n "a": {},\n "\\u0061": {}}}', 3, 2, /a second time/],
  ['a deep nest', '['.repeat(5_000), 1, 102, /too deep/],
])('%s has its place', (_what, text, line, column, what) => {
  const problem = jsonProblem(text)
  expect(problem).toMatchObject({ line, column })
  expect(problem?.what).toMatch(what)
})

test('agrees with JSON.parse on what is JSON', () => {
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"b"',
    '1',
    '-0.5e3',
    'true',
    'null',
    ' ',
    '\n',
    '"',
    'x',
  )
  const texts = fc.oneof(
    fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
    fc.json({ maxDepth: 5 }),
    fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.stringify(value, null, 2)),
  )
  fc.assert(
    fc.property(texts, (text) => {
      const problem = jsonProblem(text)
      if (problem?.what.includes('a second time')) return
      let isJson = true
      try {
        JSON.parse(text)
      } catch {
        isJson = false
      }
      expect(problem === null, JSON.stringify({ text, problem })).toBe(isJson)
    }),
    { numRuns: 2_000 },
  )
})
