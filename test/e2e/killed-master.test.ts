import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { nodeServer, pythonServer } from '../support/builds.ts'
import { daemon } from '../support/daemons.ts'
import {
  answersMore,
  BY_PID,
  expectNoneFailed,
  expectRelieved,
  expectTakenBack,
  workersOf,
} from '../support/faults-hand-over.ts'
import { attach, tracedFromTheStart } from '../support/faults-strace.ts'
import { startLoad } from '../support/load.ts'
import { type Master, type MasterOptions, startMaster, temporaryDirectory } from '../support/master.ts'
import { onEnd } from '../support/on-end.ts'
import { freePort } from '../support/ports.ts'
import { childrenOf, listenersOn } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { BY_HAND, startService } from '../support/service.ts'
import { until } from '../support/until.ts'

test('a killed master is missed by nobody, and the next one has its listener and relieves its workers', async () => {
  const service = await startService({ args: [...BY_HAND, '--instances', '2'] })
  const [inode] = listenersOn(service.port)
  const load = await service.load({ rate: 300, identify: BY_PID })
  const orphans = workersOf(service.master)
  await service.master.kill9()
  await answersMore(load, 150)
  const next = await service.again()
  await expectTakenBack(next.master, orphans)
  await expectRelieved(next.master, orphans)
  await answersMore(load, 50)
  const report = await expectNoneFailed(load, next.master)
  expect(listenersOn(service.port)).toEqual([inode])
  expect(Object.keys(report.versions).map(Number).sort()).toEqual([...orphans, ...workersOf(next.master)].sort())
})

test('so it is on a unix socket, which keeps its path', async () => {
  const path = join(temporaryDirectory(), 'app.sock')
  const service = await startService({ args: BY_HAND, listen: [`unix:${path}`] })
  const load = await service.load({ target: path, rate: 300, identify: BY_PID })
  const orphans = workersOf(service.master)
  await service.master.kill9()
  await answersMore(load, 150)
  const next = await service.again()
  await expectTakenBack(next.master, orphans)
  await expectRelieved(next.master, orphans)
  await answersMore(load, 50)
  const report = await expectNoneFailed(load, next.master)
  expect(Object.keys(report.versions)).toHaveLength(2)
  expect(await next.master.stop()).toBe(0)
})

test('a request of 3 s is finished by the orphan that had it', async () => {
  const service = await startService({ args: BY_HAND })
  const [orphan] = workersOf(service.master)
  const slow = service.ask('/slow?ms=3000')
  const load = await service.load({ rate: 50 })
  await service.master.kill9()
  const next = await service.again()
  await next.master.waitFor((event) => event.type === 'worker-draining' && event.pid === orphan, 'drain of the orphan')
  expect(await slow).toMatchObject({ pid: orphan })
  await expectRelieved(next.master, [orphan!])
  await expectNoneFailed(load, next.master)
})

test('killed in the middle of a promotion, both generations are relieved, and the committed build boots', async () => {
  const service = await startService({ args: [...BY_HAND, '--probation', '1s'], build: nodeServer({ version: '1' }) })
  const load = await service.load({ rate: 300 })
  service.publish(nodeServer({ version: '2' }))
  service.master.signal('SIGUSR2')
  await service.master.waitFor((event) => event.type === 'worker-ready' && event.generation === 2, 'candidate')
  const orphans = workersOf(service.master)
  expect(orphans).toHaveLength(2)
  await service.master.kill9()
  const next = await service.again()
  await expectTakenBack(next.master, orphans)
  const { build } = await service.master.next('build-committed')
  expect(await next.master.next('worker-started')).toMatchObject({ build })
  await expectRelieved(next.master, orphans)
  // It was on trial, without a verdict: it has another attempt.
  await next.master.next('build-committed')
  expect(await service.ask()).toMatchObject({ version: '2' })
  await expectNoneFailed(load, service.master, next.master)
})

needs('strace', 'python3').describe('killed between fork and the first record', () => {
  test('at the first start of all, the worker it had just forked serves, and is relieved', async () => {
    const port = await freePort()
    const app = join(temporaryDirectory(), 'app')
    pythonServer('1')(app)
    const args = ['--listen', `127.0.0.1:${port}`]
    const options: MasterOptions = { args, command: [app], stateDir: temporaryDirectory() }
    const first = await startMaster({ ...options, through: tracedFromTheStart(...LATE_FROM_FORK) })
    const worker = await forked(first)
    await first.kill9()
    expect(first.events.map(({ type }) => type)).not.toContain('worker-started')
    const load = await startLoad({ target: port, rate: 200, newShare: 1, identify: BY_PID })
    const next = await startMaster(options)
    await next.next('worker-ready')
    await expectTakenBack(next, [worker])
    await expectRelieved(next, [worker])
    await answersMore(load, 20)
    await expectNoneFailed(load, next)
  })

  test('in an upgrade, the candidate it had just forked is relieved as well', async () => {
    const service = await startService({ args: BY_HAND, build: nodeServer({ version: '1' }) })
    const load = await service.load({ rate: 200 })
    const [worker] = workersOf(service.master)
    await service.master.cli('pause')
    service.publish(nodeServer({ version: '2' }))
    service.master.signal('SIGUSR2')
    await service.master.next('build-staged')
    await attach(service.master.pid, ...LATE_FROM_FORK)
    const resumed = service.master.cli('resume')
    const candidate = await forked(service.master, worker)
    await service.master.kill9()
    await resumed
    const next = await service.again()
    await expectTakenBack(next.master, [worker!, candidate])
    await expectRelieved(next.master, [worker!, candidate])
    await next.master.next('build-committed')
    const report = await expectNoneFailed(load, next.master)
    expect(Object.keys(report.versions)).toContain('1')
  })
})

for (const name of ['nginx', 'puma']) {
  needs(name).test(
    `${name}, which hides its environment, is found by its sockets and finishes what it has`,
    async () => {
      const port = await freePort()
      const options: MasterOptions = {
        args: ['--listen', `127.0.0.1:${port}`, '--drain-timeout', '20s'],
        command: daemon(name).prepare(join(temporaryDirectory(), 'd'), port),
        stateDir: temporaryDirectory(),
      }
      const first = await startMaster(options)
      await first.next('worker-ready')
      const orphans = workersOf(first)
      await until(`${name} hides its environment`, () => !environmentOf(orphans[0]!).includes('AUTOUP_STATE'))
      const load = await startLoad({ target: port, rate: 200, newShare: 1 })
      const half = await halfARequest(port)
      await first.kill9()
      await answersMore(load, 100)
      const next = await startMaster(options)
      await next.next('worker-draining')
      expect(await half.finish()).toContain('200 OK')
      await expectTakenBack(next, orphans)
      await expectRelieved(next, orphans)
      await answersMore(load, 50)
      await expectNoneFailed(load, first, next)
    },
  )
}

/** A fork returns to the master, and to nobody else, after a minute: time enough to kill it. Threads are no forks. */
const LATE_FROM_FORK = ['-e', 'trace=fork,vfork,clone', '-e', 'inject=fork,vfork,clone:delay_exit=60000000']

/** The pid of the process that the master has just forked and does not know of yet. */
async function forked(master: Master, ...known: (number | undefined)[]): Promise<number> {
  return await until('the master has forked', () => {
    const child = childrenOf(master.pid).find(({ pid, name }) => name !== 'strace' && !known.includes(pid))
    return child?.pid
  })
}

function environmentOf(pid: number): string {
  return readFileSync(`/proc/${pid}/environ`, 'latin1')
}

/** A request on a new connection that lacks its last line until `finish`, which resolves with the answer. */
async function halfARequest(port: number): Promise<{ finish(): Promise<string> }> {
  const socket = net.connect({ host: '127.0.0.1', port })
  onEnd(() => socket.destroy())
  let answer = ''
  socket.setEncoding('utf8').on('data', (text) => {
    answer += text
  })
  await once(socket, 'connect')
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n')
  return {
    async finish() {
      socket.write('\r\n')
      await once(socket, 'close')
      return answer
    },
  }
}
