import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Answer, ask } from '../support/ask.ts'
import { nodeServer, script } from '../support/builds.ts'
import { answersMore, BY_PID, expectNoneFailed } from '../support/faults-hand-over.ts'
import {
  DOUBLE_FORK,
  DOUBLE_FORK_READY,
  DRAINS,
  MAIN_PID,
  MAIN_PID_AND_GONE,
  MAIN_PID_ELSEWHERE,
  namesAStranger,
  PLAIN,
} from '../support/faults-workers.ts'
import { type Held, hold } from '../support/held.ts'
import { type Load, startLoad } from '../support/load.ts'
import { type Master, startMaster, temporaryDirectory } from '../support/master.ts'
import { onEnd } from '../support/on-end.ts'
import { freePort } from '../support/ports.ts'
import { belongingTo, isAlive, kill, type Process } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { until } from '../support/until.ts'

const python = needs('python3')

interface Served {
  readonly master: Master
  readonly load: Load
  /** One request: who answers. */
  readonly ask: () => Promise<Answer>
  /** One that is in flight until the test ends it. */
  readonly hold: () => Promise<Held>
}

/** The worker is a program, or stands behind `sh -c`. */
async function serve(text: string, wrapper?: string, drainTimeout = '15s'): Promise<Served> {
  const port = await freePort()
  const app = join(temporaryDirectory(), 'app')
  script(text)(app)
  const args = ['--listen', `127.0.0.1:${port}`, '--ready-timeout', '8s', '--drain-timeout', drainTimeout]
  const command = wrapper === undefined ? [app] : ['/bin/sh', '-c', wrapper.replace('APP', app)]
  const master = await startMaster({ args, command })
  await master.next('worker-ready')
  const load = await startLoad({ target: port, rate: 100, newShare: 1, identify: BY_PID })
  return { master, load, ask: () => ask(port), hold: () => hold(port) }
}

/** USR2: the next generation takes over, what was in flight is finished, nothing of the old one is left. */
async function expectSwap({ master, load, ask, hold }: Served): Promise<void> {
  const old = await ask()
  const held = await hold()
  await answersMore(load, 20)
  const before = belongingTo(master.stateDir).filter(({ pid }) => pid !== master.pid)
  const drains = drainsOf(master)
  const since = master.mark()
  master.signal('SIGUSR2')
  await until('the old one drains', () => drainsOf(master) > drains)
  expect(await held.finish()).toMatchObject({ pid: old.pid })
  await master.next('worker-exited', { since })
  await until('the old processes are gone', () => before.every(({ pid }) => !isAlive(pid)))
  expect((await ask()).pid).not.toBe(old.pid)
  expect(master.events.slice(since).map(({ type }) => type)).not.toContain('worker-killed')
}

const drainsOf = ({ output }: Master): number => output.filter((line) => line === DRAINS).length

const DETACHED: Readonly<Record<string, string>> = {
  'forks itself away and is seen to serve': DOUBLE_FORK,
  'forks itself away and says READY=1': DOUBLE_FORK_READY,
  'names its child as the main process': MAIN_PID,
  'names its child and ends, with an error': MAIN_PID_AND_GONE,
}

python.test(
  'a worker that goes on in another process is followed: asked to finish, started again, stopped',
  async () => {
    await Promise.all(
      Object.entries(DETACHED).map(async ([what, text]) => {
        await expectFollowed(text).catch((error: Error) => {
          throw new Error(`a worker that ${what}: ${error.message}`, { cause: error })
        })
      }),
    )
  },
)

async function expectFollowed(text: string): Promise<void> {
  const served = await serve(text)
  const { master, load, ask } = served
  const { pid } = await ask()
  expect((await master.status()).workers).toMatchObject([{ pid, state: 'ready' }])
  await expectSwap(served)
  await expectNoneFailed(load, master)

  const since = master.mark()
  kill((await ask()).pid, 'SIGKILL')
  await master.next('worker-failed', { since })
  await master.next('worker-ready', { since })
  const last = await ask()
  expect(await master.stop()).toBe(0)
  expect(isAlive(last.pid)).toBe(false)
  expect(belongingTo(master.stateDir)).toEqual([])
}

python.test('behind a shell, the drain signal reaches the server, and the request it has is finished', async () => {
  const served = await serve(PLAIN, 'APP; true')
  await expectSwap(served)
  await expectNoneFailed(served.load, served.master)
  const held = await served.hold()
  const drains = drainsOf(served.master)
  const stopped = served.master.stop()
  await until('it drains', () => drainsOf(served.master) > drains)
  expect(await held.finish()).toMatchObject({ version: '2' })
  expect(await stopped).toBe(0)
  expect(belongingTo(served.master.stateDir)).toEqual([])
})

python.test('what it leaves in the session it began in ends with it, at the drain deadline at the latest', async () => {
  const { master, load, ask } = await serve(MAIN_PID_ELSEWHERE, undefined, '1s')
  const { pid } = await ask()
  const before = belongingTo(master.stateDir).filter((each) => each.pid !== master.pid)
  expect(new Set(before.map(({ session }) => session)).size).toBe(2)
  const since = master.mark()
  master.signal('SIGUSR2')
  await master.waitFor((event) => event.type === 'worker-exited' && event.pid === pid, 'end', { since })
  expect(before.filter((each) => isAlive(each.pid))).toEqual([])
  await expectNoneFailed(load, master)
})

/** One of them a child of its own, the other one nobody's, and deaf to SIGTERM. */
const WITH_HELPERS = nodeServer({
  first: `const { spawn } = require('node:child_process');
spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' }).unref();
spawn('/bin/sh', ['-c', 'trap "" TERM; setsid sleep 1000 & :'], { stdio: 'ignore' });`,
})

test('what it has started in sessions of its own ends with it: at a swap, a crash and the stop', async () => {
  const app = join(temporaryDirectory(), 'app')
  WITH_HELPERS(app)
  const args = ['--listen', `127.0.0.1:${await freePort()}`, '--drain-timeout', '300ms']
  const master = await startMaster({ args, command: [app] })
  const helpers = (): Process[] => belongingTo(master.stateDir).filter(({ name }) => name === 'sleep')
  const both = async (since: number): Promise<[number, Process[]]> => {
    const { pid } = await master.next('worker-ready', { since })
    await until('it has helpers', () => helpers().length === 2)
    return [pid, helpers()]
  }
  const [first, old] = await both(0)
  expect(new Set([first, ...old.map(({ session }) => session)]).size).toBe(3)

  let since = master.mark()
  master.signal('SIGUSR2')
  await master.waitFor((event) => event.type === 'worker-exited' && event.pid === first, 'end', { since })
  expect(old.filter(({ pid }) => isAlive(pid))).toEqual([])

  const [second, orphaned] = await both(since)
  since = master.mark()
  kill(second, 'SIGKILL')
  await until('they are gone', () => !orphaned.some(({ pid }) => isAlive(pid)))
  await both(since)

  expect(await master.stop()).toBe(0)
  expect(belongingTo(master.stateDir)).toEqual([])
})

python.test('a process that is none of its own cannot be named as the main one', async () => {
  const stranger = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' })
  onEnd(() => stranger.kill('SIGKILL'))
  const { master, load, ask } = await serve(namesAStranger(stranger.pid!))
  await load.stop()
  const { pid } = await ask()
  expect((await master.status()).workers).toMatchObject([{ pid, state: 'ready' }])
  expect(await master.stop()).toBe(0)
  expect(isAlive(stranger.pid!)).toBe(true)
})
