import { spawn } from 'node:child_process'
import { getEventListeners, once } from 'node:events'
import { expect, test } from 'vitest'
import { COMMAND } from '../../../src/core/build.ts'
import { EMPTY_LEDGER } from '../../../src/core/ledger.ts'
import { drainOrphans, findLeft } from '../../../src/runtime/workers/orphans.ts'
import { killSession, sessionMembers } from '../../../src/system/kill-session.ts'
import { onEnd } from '../../support/on-end.ts'
import { SETTINGS } from '../../support/settings.ts'
import { temporaryStore } from '../../support/stores.ts'

test('what a stager of the dead master has started is ended, also where the stager itself has ended before', async () => {
  const paths = await temporaryStore()
  const env = { PATH: process.env.PATH, AUTOUP_STATE: paths.root }
  const leader = spawn('/bin/sh', ['-c', 'sleep 1000 & exit 0'], { detached: true, stdio: 'ignore', env })
  const pid = leader.pid as number
  onEnd(() => killSession(pid, 0))
  await once(leader, 'exit')
  expect(sessionMembers(pid, 0)).toHaveLength(1)
  expect(findLeft(paths, EMPTY_LEDGER, [], null)).toEqual({ orphans: [], listeners: [] })
  expect(sessionMembers(pid, 0)).toEqual([])
})

test('an orphan is drained when what its main process has left behind has ended too', async () => {
  const server = `trap "" TERM; echo; exec sleep 1000`
  const wrapper = spawn('/bin/sh', ['-c', `sh -c '${server}' & wait`], { detached: true, stdio: ['ignore', 'pipe', 2] })
  const pid = wrapper.pid as number
  onEnd(() => killSession(pid, 0))
  await once(wrapper.stdout!, 'data')
  const settings = { ...SETTINGS, drainTimeoutMs: 300 }
  const { signal } = new AbortController()
  await drainOrphans([{ pid, build: COMMAND }], settings, signal)
  expect(sessionMembers(pid, 0)).toEqual([])
  // By then its numbers may be a stranger's.
  expect(getEventListeners(signal, 'abort')).toEqual([])
})
