import { describe, expect, test } from 'vitest'
import type { Input } from '../../src/cli/command.ts'
import { optionReader } from '../../src/cli/option-reader.ts'
import { serviceGiven, stateDirectory, withoutContract } from '../../src/cli/where.ts'

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

  const OF_WORKER = { AUTOUP_NAME: 'app', AUTOUP_READY: 'http', AUTOUP_DRAIN_SIGNAL: 'SIGQUIT' }

  test.each(['AUTOUP_PID', 'AUTOUP_STATE', 'AUTOUP_MASTER', 'AUTOUP_WORKER', 'AUTOUP_BUILD', 'AUTOUP_GENERATION'])(
    'what stands beside %s in the environment says what a worker is, and is no option',
    (variable) => {
      const env = { ...OF_WORKER, [variable]: '1', AUTOUP_KEEP: '5' }
      expect(serviceGiven(input(), { env })).toBeUndefined()
      const options = optionReader({ input: input(), io: { env, cwd: '/' }, app: null })
      const read = (flag: string) => options.read(flag, (text) => text, null)
      expect(['name', 'ready', 'drain-signal', 'keep'].map(read)).toEqual([null, null, null, '5'])
      expect(withoutContract(env)).toEqual({ AUTOUP_KEEP: '5' })
    },
  )

  test("that is started as a daemon is nobody's worker, and has the options of the environment", () => {
    expect(withoutContract({ ...OF_WORKER, AUTOUP_PORT: '1', LISTEN_FDS: '1', PATH: '/bin' })).toEqual({
      ...OF_WORKER,
      PATH: '/bin',
    })
  })

  test('cannot leave the state directory', () => {
    expect(() => serviceGiven(input({}, '../etc'), { env: {} })).toThrow(/cannot be the name/)
  })
})
