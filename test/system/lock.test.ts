import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { acquireLock, type Lock } from '../../src/system/lock.ts'
import { lockHolder } from '../../src/system/lock-holder.ts'
import { smallDisk } from '../support/faults-disk.ts'
import { onEnd } from '../support/on-end.ts'
import { descriptorsOf } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { end, startPython } from './python.ts'
import { directory, refusal } from './sockets.ts'

const HOLD = `import fcntl, os, signal, sys
f = open(sys.argv[1], "a+"); fcntl.flock(f, fcntl.LOCK_EX); print("locked", flush=True); signal.pause()`

function acquired(path: string): Lock {
  const lock = acquireLock(path)
  onEnd(() => lock.release())
  return lock
}

test('a lock is taken, names its holder, and is for its owner alone', () => {
  const path = join(directory(), 'lock')
  writeFileSync(path, '99999999\n', { mode: 0o600 })
  acquired(path)
  expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`)
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('a second master is told which process holds the lock', () => {
  const path = join(directory(), 'lock')
  const lock = acquired(path)
  const error = refusal(() => acquireLock(path))
  expect(error.code).toBe('locked')
  expect(error.message).toContain(`${path} is locked by process ${process.pid};`)
  expect(error.data).toEqual({ path, pid: process.pid })
  lock.release()
  lock.release()
  acquired(path)
})

needs('python3').test('the kernel is believed before the file, and the lock ends with its holder', async () => {
  const path = join(directory(), 'lock')
  const { child, pid } = await startPython(HOLD, [], [path])
  writeFileSync(path, `${process.pid}\n`)
  expect(refusal(() => acquireLock(path)).data).toEqual({ path, pid })
  await end(child)
  acquired(path)
})

test('a child does not keep the lock of its parent', async () => {
  const path = join(directory(), 'lock')
  const lock = acquired(path)
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  onEnd(() => end(child))
  await once(child, 'spawn')
  expect(descriptorsOf(child.pid as number)).not.toContain(path)
  lock.release()
  acquired(path)
})

test('a lock on a file that was replaced guards nothing, so the new file is another lock', () => {
  const path = join(directory(), 'lock')
  acquired(path)
  renameSync(path, `${path}.old`)
  acquired(path)
  expect(refusal(() => acquireLock(path)).code).toBe('locked')
})

test('a lock that cannot be opened says what to do', () => {
  const error = refusal(() => acquireLock('/nowhere/at/all/lock'))
  expect(error.code).toBe('failed')
  expect(error.message).toMatch(/^cannot open the lock \/nowhere\/at\/all\/lock: ENOENT.*; run as the user who owns/)
})

needs('root').test('a file of the same number on another disk is another lock', () => {
  const [locked, free] = [smallDisk(1), smallDisk(1)].map((disk) => join(disk.path, 'lock')) as [string, string]
  writeFileSync(free, '')
  acquired(locked)
  expect(statSync(free).ino).toBe(statSync(locked).ino)
  expect(lockHolder(locked)).toBe(process.pid)
  expect(lockHolder(free)).toBeNull()
})
