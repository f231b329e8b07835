import { expect, test } from 'vitest'
import { told } from '../../src/cli/outcome.ts'
import { AutoupError } from '../../src/core/errors.ts'

function tell(error: unknown): { status: number; text: string } {
  const written: string[] = []
  const status = told(error, { stderr: { write: (text) => void written.push(text) } })
  return { status, text: written.join('') }
}

test('a mistake of the user is its sentence, with its own status', () => {
  expect(tell(new AutoupError('usage', 'there is no option --x'))).toEqual({
    status: 2,
    text: 'autoup: there is no option --x\n',
  })
})

test('a machine that has no more to give is no bug: one sentence with what it lacks', () => {
  const error = Object.assign(new Error("EMFILE: too many open files, open '/a'"), { code: 'EMFILE' })
  const { status, text } = tell(error)
  expect(status).toBe(1)
  expect(text).toMatch(/^autoup: the machine has no more of .*EMFILE.*ulimit.*\n$/)
})

test('anything else is a bug, and its stack is shown', () => {
  expect(tell(new TypeError('x is not a function'))).toMatchObject({
    status: 1,
    text: expect.stringMatching(/this is a bug in autoup.*\n.*TypeError: x is not a function\n +at /),
  })
})
