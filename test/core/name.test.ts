import { expect, test } from 'vitest'
import { checkName } from '../../src/core/name.ts'

test.each(['app', 'a', 'my-app_2.0', '9lives', 'a'.repeat(64)])('takes the name %s', (name) => {
  expect(checkName(name)).toBe(name)
})

test.each(['', '.', '..', '.hidden', '-x', 'a/b', 'a b', 'ä', 'a'.repeat(65), 'app\n', '../app'])(
  'refuses the name %j',
  (name) => {
    expect(() => checkName(name)).toThrow(expect.objectContaining({ code: 'usage' }))
  },
)
