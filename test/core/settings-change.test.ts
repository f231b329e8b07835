import { expect, test } from 'vitest'
import type { Settings } from '../../src/core/settings.ts'
import { compareSettings } from '../../src/core/settings-change.ts'
import { SETTINGS } from '../support/settings.ts'

const from = (change: Partial<Settings>) => compareSettings(SETTINGS, { ...SETTINGS, ...change })
const listen = [{ name: 'http', address: { family: 'tcp', host: null, port: 80 } }] as const

test.each<[string, Partial<Settings>, string[], string[], boolean]>([
  ['nothing', {}, [], [], false],
  ['a timeout', { probationMs: 1 }, ['probation'], [], false],
  ['what workers are told of their end', { drainTimeoutMs: 1 }, ['drain-timeout'], [], true],
  ['a socket', { listen }, ['listen'], [], true],
  ['a command and where it runs', { command: ['b'], directory: '/b' }, ['command'], [], true],
  ['a name', { name: 'other' }, ['name'], ['name'], false],
  ['a source where there was none', { source: 'file:/a' }, ['fetch'], ['fetch'], false],
  ['the user and the probation', { user: 'nobody', probationMs: 1 }, ['probation', 'user'], [], true],
])('%s', (_what, change, changed, fixed, needsWorkers) => {
  expect(from(change)).toEqual({ changed, fixed, needsWorkers })
})

test('one source can follow another', () => {
  const before = { ...SETTINGS, source: 'file:/a' }
  expect(compareSettings(before, { ...before, source: 'file:/b' })).toEqual({
    changed: ['fetch'],
    fixed: [],
    needsWorkers: false,
  })
})
