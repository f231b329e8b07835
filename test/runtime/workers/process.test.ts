import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { trackStranger } from '../../../src/runtime/workers/process.ts'
import { setChildSubreaper } from '../../../src/system/libc/processes.ts'
import { isAlive, readStat } from '../../../src/system/procfs.ts'
import { spawnChild } from '../../../src/system/spawn.ts'
import { onEnd } from '../../support/on-end.ts'
import { until } from '../../support/until.ts'

/** A process that this one has adopted, while no reaper listens: its SIGCHLD goes by unheard. */
async function adopted(): Promise<number> {
  setChildSubreaper(true)
  onEnd(() => setChildSubreaper(false))
  const child = await spawnChild({
    argv: ['/bin/sh', '-c', 'sleep 60 >/dev/null & echo $!'],
    cwd: '/',
    env: { PATH: '/usr/bin:/bin' },
    descriptors: [],
    listenNames: null,
    pidVariables: [],
    user: null,
    stdout: 'pipe',
  })
  const pid = Number(await text(child.stdout as NodeJS.ReadableStream))
  onEnd(() => isAlive(pid) && process.kill(pid, 'SIGKILL'))
  await until('it is adopted', () => readStat(pid)?.ppid === process.pid)
  return pid
}

test('the end of an adopted child is seen, also when its SIGCHLD was missed', async () => {
  const pid = await adopted()
  const tracked = trackStranger(pid)!
  process.kill(pid, 'SIGKILL')
  expect(await tracked.exited).toEqual({ code: null, signal: 'SIGKILL' })
  expect(readStat(pid)).toBeNull()
  expect(trackStranger(pid)).toBeNull()
})

test('a process is followed once, however often a worker names it', async () => {
  const pid = await adopted()
  expect(trackStranger(pid)).toBe(trackStranger(pid))
  trackStranger(pid)!.killGroup()
  await trackStranger(pid)?.exited
})
