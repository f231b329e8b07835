import { describe, expect, test } from 'vitest'
import type { Input } from '../../src/cli/command.ts'
import { nameFromEnvironment, serviceGiven, stateDirectory } from '../../src/cli/where.ts'

function input(options: Record<string, string> = {}, name?: string): Input {
  return { options: new Map(Object.entries(options).map(([key, value]) => [key, [value]])), name, command: [] }
}

describe('the state directory', () => {
  test.each([
    ['the flag, from where one is', { 'state-dir': 'x' }, { AUTOUP_STATE_DIR: '/env' }, true, '/home/me/x'],
    ['the variable', {}, { AUTOUP_STATE_DIR: '/env', STATE_DIRECTORY: '/sd' }, true, '/env'],
    ['that of systemd', {}, { STATE_DIRECTORY: '/var/lib/a:/var/lib/b' }, true, '/var/lib/a'],
    ['that of root', {}, { XDG_STATE_HOME: '/xdg' }, true, '/var/lib/autoup'],
    ['that of XDG', {}, { XDG_STATE_HOME: '/xdg' }, false, '/xdg/autoup'],
    ['a relative XDG is none', {}, { XDG_STATE_HOME: 'xdg', HOME: '/h' }, false, '/h/.local/state/autoup'],
    ['that of a user', {}, { HOME: '/h' }, false, '/h/.local/state/autoup'],
    ['empty variables are none', {}, { AUTOUP_STATE_DIR: '', STATE_DIRECTORY: '' }, true, '/var/lib/autoup'],
  ])('%s', (_what, options: Record<string, string>, env: Record<string, string>, isRoot, expected) => {
    expect(stateDirectory(input(options), { env, cwd: '/home/me', isRoot })).toBe(expected)
  })

  test('is not the default where the flag has nothing', () => {
    const io = { env: {}, cwd: '/', isRoot: true }
    expect(() => stateDirectory(input({ 'state-dir': '' }), io)).toThrow(/^--state-dir needs a directory/)
  })
})

describe('the service', () => {
  test('is named on the command line, else in the environment, else not', () => {
    expect(serviceGiven(input({}, 'a'), { env: { AUTOUP_NAME: 'b' } })).toBe('a')
    expect(serviceGiven(input(), { env: { AUTOUP_NAME: 'b' } })).toBe('b')
    expect(serviceGiven(input(), { env: { AUTOUP_NAME: '' } })).toBeUndefined()
  })

  test.each(['AUTOUP_PID', 'AUTOUP_STATE', 'AUTOUP_MASTER', 'AUTOUP_WORKER', 'AUTOUP_BUILD', 'AUTOUP_GENERATION'])(
    'AUTOUP_NAME beside %s says who a worker is, and is no option',
    (variable) => {
      expect(nameFromEnvironment({ AUTOUP_NAME: 'app', [variable]: '1' })).toBeUndefined()
    },
  )

  test('cannot leave the state directory', () => {
    expect(() => serviceGiven(input({}, '../etc'), { env: {} })).toThrow(/cannot be the name/)
  })
})
