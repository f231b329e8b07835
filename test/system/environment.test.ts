import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { childEnvironment, readEnvFile } from '../../src/system/environment.ts'
import { onEnd } from '../support/on-end.ts'

test('takes out what the master was told and every secret, then adds what the child is to get', () => {
  const own = {
    PATH: '/bin',
    HOME: '/root',
    LISTEN_FDS: '1',
    LISTEN_PID: '1',
    LISTEN_FDNAMES: 'a',
    LISTEN_PIDFDID: '9',
    NOTIFY_SOCKET: '/run/systemd/notify',
    WATCHDOG_USEC: '1',
    WATCHDOG_PID: '1',
    AUTOUP_NAME: 'outer',
    AUTOUP_FETCH: 'x',
    GH_TOKEN: 's',
    GITHUB_TOKEN: 's',
    NPM_TOKEN: 's',
    NODE_AUTH_TOKEN: 's',
    'npm_config_//registry.npmjs.org/:_authToken': 's',
    CREDENTIALS_DIRECTORY: '/run/credentials/x',
    MY_TOKEN: 'of the app',
    NOTIFY_SOCKET_PATH: 'of the app',
    UNSET: undefined,
  }
  expect(childEnvironment(own, { AUTOUP_NAME: 'app', HOME: '/srv' })).toEqual({
    PATH: '/bin',
    HOME: '/srv',
    MY_TOKEN: 'of the app',
    NOTIFY_SOCKET_PATH: 'of the app',
    AUTOUP_NAME: 'app',
  })
})

function file(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'env-'))
  onEnd(() => rmSync(directory, { recursive: true }))
  writeFileSync(join(directory, 'env'), text)
  return join(directory, 'env')
}

test.each([
  ['A=1\nB=two words \n', { A: '1', B: 'two words' }],
  ['# A=1\n; B=2\n\n  \n  C=3', { C: '3' }],
  ['A=\nB=""', { A: '', B: '' }],
  ['A="a b "\nB=\'c "d" $e\\\'', { A: 'a b ', B: 'c "d" $e\\' }],
  ['A="say \\"hi\\" \\$x \\n"', { A: 'say "hi" $x \\n' }],
  ['A=one \\\ntwo\nB=x', { A: 'one two', B: 'x' }],
  ['A="one\ntwo"\nB=x', { A: 'one\ntwo', B: 'x' }],
  ['A=b=c#d', { A: 'b=c#d' }],
  ['export A=1\r\nB = 2\r\n', { A: '1', B: '2' }],
  ['A=1\nA=2', { A: '2' }],
  ['A=a\\ ', { A: 'a ' }],
  ['\uFEFFA=1', { A: '1' }],
  ['', {}],
])('reads %j', (text, expected) => {
  expect(readEnvFile(file(text))).toEqual(expected)
})

test.each([
  ['A=1\n\nsecret word\n', 'line 3', 'write KEY=value'],
  ['A="x\ny"\n2B=secret', 'line 3', 'write KEY=value'],
  ['A=1\nB="secret', 'line 2', 'a quote is not closed'],
  ['A=se\0cret', 'line 1', 'zero byte'],
])('names the line of %j and what is wrong with it, not the value', (text, line, what) => {
  const path = file(text)
  let message = ''
  try {
    readEnvFile(path)
  } catch (error) {
    expect(error).toMatchObject({ code: 'config' })
    message = (error as Error).message
  }
  expect(message).toContain(`${line} of the environment file ${path}`)
  expect(message).toContain(what)
  expect(message).not.toContain('secret')
})

test('says so when there is no such file', () => {
  expect(() => readEnvFile('/nonexistent/env')).toThrow(
    'cannot read the environment file /nonexistent/env: there is no such file',
  )
})
