/** Real processes in the master's hands: what a worker hears that is to go at once, who is adopted, who is asked how. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { COMMAND } from '../../../src/core/build.ts'
import type { Settings } from '../../../src/core/settings.ts'
import type { Input } from '../../../src/core/state.ts'
import { isOfWorker } from '../../../src/runtime/workers/daemonized.ts'
import { failureOf } from '../../../src/runtime/workers/launch.ts'
import { Preflight } from '../../../src/runtime/workers/preflight.ts'
import { Workforce } from '../../../src/runtime/workers/workforce.ts'
import type { StorePaths } from '../../../src/store/layout.ts'
import { readEnvFile } from '../../../src/system/environment.ts'
import { createRuntimeDirectory, NotifyHub } from '../../../src/system/notify.ts'
import { childrenOf, isAlive } from '../../../src/system/procfs.ts'
import { type Child, spawnChild } from '../../../src/system/spawn.ts'
import { onEnd } from '../../support/on-end.ts'
import { needs } from '../../support/requirements.ts'
import { SETTINGS } from '../../support/settings.ts'
import { temporaryFolder, temporaryStore } from '../../support/stores.ts'
import { until } from '../../support/until.ts'

const SPAWN = { type: 'spawn', worker: 1, generation: 1, build: COMMAND } as const
const PREFLIGHT = { type: 'preflight', generation: 7, build: COMMAND } as const

let paths: StorePaths

beforeEach(async () => {
  paths = await temporaryStore()
})

/** `onInput` is the loop. */
function workforce(settings: Partial<Settings>, onInput: (input: Input, force: Workforce) => void) {
  const inputs: Input[] = []
  const hub = NotifyHub.open(createRuntimeDirectory)
  const send = (input: Input): void => {
    inputs.push(input)
    onInput(input, force)
  }
  const force = new Workforce({
    settings: { ...SETTINGS, ...settings },
    paths,
    listeners: [],
    hub,
    user: null,
    preload: null,
    send,
  })
  onEnd(() => {
    for (const input of inputs) if (input.type === 'spawned') force.kill(input.worker)
    hub.close()
  })
  const next = <T extends Input['type']>(type: T) =>
    until(`input ${type}`, () => inputs.find((input) => input.type === type) as Extract<Input, { type: T }> | undefined)
  return { force, inputs, next }
}

function sleeper(): Promise<Child> {
  return start(['/bin/sleep', '60'])
}

async function start(argv: string[]): Promise<Child> {
  const plain = { cwd: '/', env: { PATH: '/usr/bin:/bin' }, descriptors: [], listenNames: null, pidVariables: [] }
  const child = await spawnChild({ argv, ...plain, user: null })
  onEnd(() => child.killGroup())
  return child
}

test('a worker that is to go by the time it has started hears of it at once', async () => {
  const { force, next } = workforce({}, (input, each) => {
    if (input.type === 'spawned') each.drain(input.worker)
  })
  await force.spawn(SPAWN)
  expect(await next('worker-exited')).toMatchObject({ worker: 1, how: 'was killed by SIGTERM' })
})

test('a worker that is to be killed by the time it has started is killed', async () => {
  const { force, next } = workforce(
    { command: ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'] },
    (input, each) => {
      if (input.type === 'spawned') each.kill(input.worker)
    },
  )
  await force.spawn(SPAWN)
  expect(await next('worker-exited')).toMatchObject({ worker: 1, how: 'was killed by SIGKILL' })
})

test('adopts the orphans that still live, under the numbers that the core gives them', async () => {
  const [dead, living] = [await sleeper(), await sleeper()]
  dead.killGroup()
  await dead.exited
  const { force, next } = workforce({}, () => undefined)
  const adopted = force.adopt([dead, living].map(({ pid }) => ({ pid, build: COMMAND })))
  expect(adopted.map(({ pid }) => pid)).toEqual([living.pid])
  force.drain(1)
  expect(await next('worker-exited')).toMatchObject({ worker: 1, pid: living.pid })
})

test('asks with exec: in an environment that has the door of the worker, but not its voice', async () => {
  const file = join(await temporaryFolder(), 'asked')
  const command = `env > ${file}.new; mv ${file}.new ${file}`
  const { force, next } = workforce({ ready: { kind: 'exec', command } }, () => undefined)
  await force.spawn(SPAWN)
  await next('worker-ready')
  expect(existsSync(file)).toBe(true)
  const asked = readFileSync(file, 'utf8')
  expect(asked).toMatch(/^AUTOUP_PORT=\d+$/m)
  expect(asked).not.toMatch(/^(?:NOTIFY_SOCKET|AUTOUP_NOTIFY)=/m)
})

needs('python3').test('says why its watchdog ended a worker that asked for it', async () => {
  const notify = `python3 -c 'import os, socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect(os.environ["NOTIFY_SOCKET"]); s.send(b"WATCHDOG=trigger")'`
  const { force, next } = workforce({ command: ['sh', '-c', `${notify}; sleep 60`] }, () => undefined)
  await force.spawn(SPAWN)
  expect((await next('worker-exited')).failure).toMatchObject({
    kind: 'behaviour',
    reason: 'asked to be ended with WATCHDOG=trigger',
  })
})

test('a worker may name its own descendants as the main process, and nobody else', async () => {
  const [own, other] = [
    await start(['/bin/sh', '-c', 'sleep 60; true']),
    await start(['/bin/sh', '-c', 'sleep 60; true']),
  ]
  const [mine] = await until('its child', () => (childrenOf(own.pid).length > 0 ? childrenOf(own.pid) : undefined))
  const [theirs] = await until('its child', () =>
    childrenOf(other.pid).length > 0 ? childrenOf(other.pid) : undefined,
  )
  expect(isOfWorker(mine!, [own.pid], [other.pid])).toBe(true)
  expect(isOfWorker(own.pid, [own.pid], [other.pid])).toBe(true)
  expect(isOfWorker(other.pid, [own.pid], [other.pid])).toBe(false)
  expect(isOfWorker(theirs!, [own.pid], [other.pid])).toBe(false)
  // A stager, a preflight: children of the master that are nobody's workers.
  expect(isOfWorker(other.pid, [own.pid], [])).toBe(false)
  expect(isOfWorker(theirs!, [own.pid], [])).toBe(false)
  expect(isOfWorker(process.pid, [own.pid], [])).toBe(false)
  expect(isOfWorker(1, [own.pid], [])).toBe(false)
})

test('an environment file that is gone says nothing about a build', () => {
  let thrown: unknown
  try {
    readEnvFile('/nonexistent/env')
  } catch (error) {
    thrown = error
  }
  expect(failureOf(thrown, 'could not be started')).toMatchObject({
    kind: 'machine',
    reason: expect.stringContaining('no such file'),
  })
})

test('what is out of order in the machine is found behind the sentence about it', () => {
  const cause = Object.assign(new Error('EMFILE: too many open files, socket'), { code: 'EMFILE' })
  const wrapped = Object.assign(new Error('cannot listen'), { cause })
  expect(failureOf(wrapped, 'x').kind).toBe('machine')
  expect(failureOf(new Error('other'), 'x').kind).toBe('behaviour')
})

test('a preflight whose environment cannot be read ends with a sentence', async () => {
  const inputs: Input[] = []
  const settings = { ...SETTINGS, preflight: 'true', envFile: '/nonexistent/env' }
  const preflight = new Preflight({ settings, paths, user: null, send: (input) => void inputs.push(input) })
  await preflight.start(PREFLIGHT)
  expect(inputs).toMatchObject([{ type: 'preflight', generation: 7, failure: { kind: 'machine' } }])
})

test('a preflight that nobody waits for any longer is ended', async () => {
  const file = join(await temporaryFolder(), 'pid')
  const settings = { ...SETTINGS, preflight: `echo $$ > ${file}; exec sleep 60` }
  const preflight = new Preflight({ settings, paths, user: null, send: () => undefined })
  const done = preflight.start(PREFLIGHT)
  const pid = await until('it runs', () => (existsSync(file) && Number(readFileSync(file, 'utf8'))) || null)
  const waiting = { state: 'preflight', generation: 7 } as never
  preflight.follow({ promotion: waiting })
  expect(isAlive(pid)).toBe(true)
  preflight.follow({ promotion: null })
  await done
  expect(isAlive(pid)).toBe(false)
})

test('what a crashed worker has left behind ends with the master at the latest', async () => {
  const file = join(await temporaryFolder(), 'pid')
  const stubborn = `(trap "" TERM; exec sh -c 'echo $$ > ${file}.new; mv ${file}.new ${file}; exec sleep 60') &`
  const command = ['sh', '-c', `${stubborn} until [ -e ${file} ]; do sleep 0.01; done; kill -KILL $$`]
  const { force, next } = workforce({ command }, () => undefined)
  await force.spawn(SPAWN)
  await next('worker-exited')
  const left = Number(readFileSync(file, 'utf8'))
  onEnd(() => isAlive(left) && process.kill(left, 'SIGKILL'))
  expect(isAlive(left)).toBe(true)
  force.end()
  await until('it has ended', () => !isAlive(left))
})

needs('python3').test('a worker that names two processes in turn, again and again, ends once', async () => {
  const folder = await temporaryFolder()
  const program = join(folder, 'app.py')
  writeFileSync(
    program,
    `import os, signal, socket
one, two = (os.spawnlp(os.P_NOWAIT, 'sleep', 'sleep', '60') for _ in range(2))
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ['NOTIFY_SOCKET'])
for _ in range(50):
    for pid in one, two: s.send(b'MAINPID=%d' % pid)
s.send(b'MAINPID=%d\\nSTATUS=named' % one)
signal.pause()
`,
  )
  const { force, inputs, next } = workforce({ command: ['python3', program] }, () => undefined)
  await force.spawn(SPAWN)
  const { pid } = await next('worker-said')
  force.drain(1)
  expect(await next('worker-exited')).toMatchObject({ pid })
  expect(inputs.filter(({ type }) => type === 'worker-exited')).toHaveLength(1)
})
