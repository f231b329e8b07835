import { execFileSync } from 'node:child_process'
import { afterEach, expect, test } from 'vitest'
import { hideContract, readContract, restoreNodeOptions } from '../../src/worker/preload/contract.cts'

const TOLD = {
  AUTOUP_PID: '42',
  LISTEN_PID: '42',
  LISTEN_FDS: '2',
  LISTEN_FDNAMES: 'http:probe',
  AUTOUP_NOTIFY: '/run/x/stream',
  NOTIFY_SOCKET: '/run/x/notify',
  WATCHDOG_PID: '42',
  WATCHDOG_USEC: '600000',
  AUTOUP_DRAIN_SIGNAL: 'SIGQUIT',
  AUTOUP_DRAIN_TIMEOUT_USEC: '2500000',
  AUTOUP_READY: 'notify',
  AUTOUP_PORT: '4711',
}

const before = Object.getPrototypeOf(process.env)
afterEach(() => {
  Object.setPrototypeOf(process.env, before)
  for (const name of Object.keys(TOLD)) delete process.env[name]
})

test('reads what the worker is told', () => {
  expect(readContract(TOLD, 42)).toEqual({
    names: ['http', 'probe'],
    notifyPath: '/run/x/stream',
    watchdogMs: 600,
    drainSignal: 'SIGQUIT',
    drainTimeoutMs: 2_500,
    isReadyWhenListening: false,
    ownPort: 4_711,
  })
})

test('tells nothing to anybody else', () => {
  expect(readContract(TOLD, 43)).toBeNull()
  expect(readContract({}, 42)).toBeNull()
})

test('takes no sockets and no watchdog that are for another process, and no nonsense', () => {
  const odd = { ...TOLD, LISTEN_PID: '41', WATCHDOG_PID: '41', AUTOUP_DRAIN_TIMEOUT_USEC: '-1', AUTOUP_PORT: 'x' }
  expect(readContract(odd, 42)).toMatchObject({ names: [], watchdogMs: null, drainTimeoutMs: 30_000, ownPort: null })
  expect(readContract({ AUTOUP_PID: '42' }, 42)).toMatchObject({ names: [], notifyPath: null, drainSignal: 'SIGTERM' })
})

test('what is hidden can be read and changed by name, and no child has it', () => {
  Object.assign(process.env, TOLD)
  hideContract(process.env)
  expect(process.env.LISTEN_FDS).toBe('2')
  expect('NOTIFY_SOCKET' in process.env).toBe(true)
  expect(Object.keys(process.env)).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(LISTEN_|WATCHDOG_)/)]))
  const child = execFileSync('env').toString()
  for (const name of Object.keys(TOLD)) expect(child).not.toContain(`${name}=`)
  process.env.LISTEN_FDS = ''
  expect(process.env.LISTEN_FDS).toBe('')
})

test.each([
  ['--require="/x/preload/index.cjs"', undefined],
  ['--max-old-space-size=99 --require="/x/preload/index.cjs"', '--max-old-space-size=99'],
  ['--require=./mine.cjs  --require="/a \\"b/preload/index.cjs"', '--require=./mine.cjs '],
  ['--require="./mine.cjs" --require="/x/preload/index.cjs"', '--require="./mine.cjs"'],
  ['--no-warnings --require="/x/preload/index.cjs" --require=./wrapper.cjs', '--no-warnings --require=./wrapper.cjs'],
  ['--no-warnings', '--no-warnings'],
])('gives %s back as %s', (given, users) => {
  const env: NodeJS.ProcessEnv = { NODE_OPTIONS: given }
  restoreNodeOptions(env)
  expect(env.NODE_OPTIONS).toBe(users)
})
