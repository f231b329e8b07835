import { expect, test } from 'vitest'
import { isSignalName, signalName } from '../../src/system/signals.ts'

test.each([
  ['TERM', 'SIGTERM'],
  ['SIGTERM', 'SIGTERM'],
  ['quit', 'SIGQUIT'],
  [' SigUsr1 ', 'SIGUSR1'],
])('reads %j as %s', (text, name) => {
  expect(signalName(text)).toBe(name)
  expect(isSignalName(text)).toBe(true)
})

test.each([
  ['TREM', "'TREM' is not a signal: did you mean TERM?"],
  ['SIGQIT', "'SIGQIT' is not a signal: did you mean QUIT?"],
  ['USR3', /^'USR3' is not a signal: did you mean USR[12]\?$/],
  ['graceful', "'graceful' is not a signal: write a name such as TERM, QUIT or INT"],
  ['', "'' is not a signal: write a name such as TERM, QUIT or INT"],
  ['15', "'15' is not a signal: write a name such as TERM, QUIT or INT"],
])('refuses %j with a suggestion', (text, message) => {
  expect(isSignalName(text)).toBe(false)
  expect(() => signalName(text)).toThrow(
    expect.objectContaining({ code: 'usage', message: expect.stringMatching(message) }),
  )
})
