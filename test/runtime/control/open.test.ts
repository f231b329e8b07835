import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { call } from '../../../src/cli/control-client.ts'
import { openControl } from '../../../src/runtime/control/open.ts'
import type { ControlHandlers } from '../../../src/runtime/control/server.ts'
import { STATUS } from '../../cli/fake-master.ts'
import { onEnd } from '../../support/on-end.ts'

const HANDLERS: ControlHandlers = {
  status: () => STATUS,
  releases: async () => [],
  metrics: async () => ({ contentType: 'text/plain', text: '' }),
  events: () => () => undefined,
  request: () => Promise.reject(new Error('nobody asks for it')),
}

test('a socket that cannot be made is told once, and made when it can be; so is one that is removed later', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onEnd(() => void vi.useRealTimers())
  const parent = mkdtempSync(join(tmpdir(), 'control-'))
  onEnd(() => rmSync(parent, { recursive: true }))
  const directory = join(parent, 'app')
  const warnings: string[] = []
  const control = await openControl({ directory, handlers: HANDLERS }, (message) => warnings.push(message))
  onEnd(() => control.close())
  await vi.advanceTimersByTimeAsync(5_000)
  expect(warnings).toEqual([expect.stringContaining('no command can reach this master until that is mended')])
  mkdirSync(directory)
  await vi.advanceTimersByTimeAsync(5_000)
  expect(await vi.waitFor(() => call({ directory, name: 'app' }, 'GET', '/status'))).toEqual(STATUS)
  expect(warnings).toHaveLength(1)
  rmSync(directory, { recursive: true })
  mkdirSync(directory)
  await vi.advanceTimersByTimeAsync(5_000)
  expect(await vi.waitFor(() => call({ directory, name: 'app' }, 'GET', '/status'))).toEqual(STATUS)
})

test('a socket whose directory has become something else is told like any that cannot be made', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onEnd(() => void vi.useRealTimers())
  const directory = mkdtempSync(join(tmpdir(), 'control-'))
  onEnd(() => rmSync(directory))
  const warnings: string[] = []
  const control = await openControl({ directory, handlers: HANDLERS }, (message) => warnings.push(message))
  onEnd(() => control.close())
  rmSync(directory, { recursive: true })
  writeFileSync(directory, '')
  await vi.advanceTimersByTimeAsync(5_000)
  await vi.waitFor(() => expect(warnings).toEqual([expect.stringContaining('ENOTDIR')]))
})

test('one that never could be made is given up when the master ends', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onEnd(() => void vi.useRealTimers())
  const control = await openControl({ directory: '/nonexistent/app', handlers: HANDLERS }, () => undefined)
  expect(vi.getTimerCount()).toBe(1)
  await control.close()
  expect(vi.getTimerCount()).toBe(0)
})
