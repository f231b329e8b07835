import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { EMPTY_LEDGER } from '../../../src/core/ledger.ts'
import { findLeft } from '../../../src/runtime/workers/orphans.ts'
import { killSession, sessionMembers } from '../../../src/system/kill-session.ts'
import { onEnd } from '../../support/on-end.ts'
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
