import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Asked, type Bound, scoreOf, shown } from '../../src/worker/preload/addresses.cts'
import { temporaryFolder } from '../support/stores.ts'

const asked = (host: string | null, port = 80): Asked => ({ kind: 'tcp', host, port })
const bound = (host: string, port = 80): Bound => ({ kind: 'tcp', host, port })

describe('an app that asks for', () => {
  test.each<[string, Asked, Bound]>([
    ['every address, gets every address', asked(null), bound('::')],
    ['every address, gets one that was declared', asked(null), bound('127.0.0.1')],
    ['every address of IPv4, gets every address', asked('0.0.0.0'), bound('::')],
    ['one address, gets it', asked('10.0.0.5'), bound('10.0.0.5')],
    ['one address, gets it in the form of IPv6', asked('10.0.0.5'), bound('::ffff:10.0.0.5')],
    ['one address, gets every address where that was declared', asked('127.0.0.1'), bound('::')],
    ['one loopback address, gets the other', asked('::1'), bound('127.0.0.1')],
  ])('%s', (_, app, socket) => {
    expect(scoreOf(app, socket)).toBeGreaterThan(0)
  })

  test.each<[string, Asked, Bound]>([
    ['another port', asked(null, 81), bound('::')],
    ['loopback, where the network was declared', asked('127.0.0.1'), bound('10.0.0.5')],
    ['the network, where loopback was declared', asked('10.0.0.5'), bound('127.0.0.1')],
    ['another address', asked('10.0.0.6'), bound('10.0.0.5')],
    ['a path', { kind: 'unix', path: '/run/x' }, bound('::')],
    ['a port, where a path was declared', asked(null), { kind: 'unix', path: '/run/x' }],
    ['a port, where there is something else', asked(null), { kind: 'unknown' }],
  ])('%s, gets nothing', (_, app, socket) => {
    expect(scoreOf(app, socket)).toBe(0)
  })

  test('one of several, gets the one that fits best', () => {
    const exact = scoreOf(asked('10.0.0.5'), bound('10.0.0.5'))
    const every = scoreOf(asked('10.0.0.5'), bound('::'))
    expect(exact).toBeGreaterThan(every)
    expect(scoreOf(asked('::1'), bound('::1'))).toBeGreaterThan(scoreOf(asked('::1'), bound('127.0.0.1')))
    expect(scoreOf(asked(null), bound('::'))).toBeGreaterThan(scoreOf(asked(null), bound('10.0.0.5')))
    expect(scoreOf(asked('0.0.0.0'), bound('0.0.0.0'))).toBeGreaterThan(scoreOf(asked('0.0.0.0'), bound('::')))
  })
})

test('a path is the same by whatever way it is reached, also where nothing is there', async () => {
  const folder = await temporaryFolder()
  mkdirSync(join(folder, 'run'))
  symlinkSync(join(folder, 'run'), join(folder, 'link'))
  const there: Bound = { kind: 'unix', path: join(folder, 'run', 'app.sock') }
  expect(scoreOf({ kind: 'unix', path: join(folder, 'link', 'app.sock') }, there)).toBeGreaterThan(0)
  expect(scoreOf({ kind: 'unix', path: join(folder, 'run', '..', 'run', 'app.sock') }, there)).toBeGreaterThan(0)
  expect(scoreOf({ kind: 'unix', path: join(folder, 'app.sock') }, there)).toBe(0)
})

test('addresses are shown as --listen takes them', () => {
  expect(shown(asked(null))).toBe('80')
  expect(shown(bound('::'))).toBe('80')
  expect(shown(asked('127.0.0.1'))).toBe('127.0.0.1:80')
  expect(shown(asked('::1'))).toBe('[::1]:80')
  expect(shown({ kind: 'unix', path: '/run/x' })).toBe('unix:/run/x')
})
