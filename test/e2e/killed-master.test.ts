import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { nodeServer, pythonServer, script } from '../support/builds.ts'
import { daemon, failuresOf } from '../support/daemons.ts'
import { smallDisk } from '../support/faults-disk.ts'
import {
  answersMore,
  BY_PID,
  expectNoneFailed,
  expectRelieved,
  expectTakenBack,
  workersOf,
} from '../support/faults-hand-over.ts'
import { ledgerOf, storeOf } from '../support/faults-store.ts'
import { attach, tracedFromTheStart } from '../support/faults-strace.ts'
import { SERVES_ANYWHERE } from '../support/faults-workers.ts'
import { type Load, startLoad, summary } from '../support/load.ts'
import { type Master, type MasterOptions, startMaster, temporaryDirectory } from '../support/master.ts'
import { onEnd } from '../support/on-end.ts'
import { freePort } from '../support/ports.ts'
import { childrenOf, isAlive, kill, listenersOn } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { BY_HAND, type Service, type ServiceOptions, startService } from '../support/service.ts'
import { until } from '../support/until.ts'

test('a killed master is missed by nobody, and the next one has its listener and relieves its workers', async () => {
  const service = await startService({ args: [...BY_HAND, '--instances', '2'] })
  const [inode] = listenersOn(service.port)
  const load = await service.load({ rate: 300, identify: BY_PID })
  const { orphans, next, report } = await killAndRelieve(service, load)
  expect(listenersOn(service.port)).toEqual([inode])
  expect(Object.keys(report.versions).map(Number).sort()).toEqual([...orphans, ...workersOf(next.master)].sort())
})

test('who asks for a killed master hears that its workers serve on, and what to do', async () => {
  const service = await startService()
  const [orphan] = workersOf(service.master)
  await service.master.kill9()
  const left = `workers of a killed master still serve (pid ${orphan}): start it again, and it takes over their sockets\n`
  for (const command of ['status', 'upgrade', 'stop'] as const) {
    const { code, stderr } = await service.master.cli(command)
    expect({ code, stderr }, command).toEqual({ code: 3, stderr: expect.stringContaining(`; ${left}`) })
  }
  const next = await service.again()
  await expectRelieved(next.master, [orphan!])
  await next.master.stop()
  expect((await next.master.cli('status')).stderr).not.toContain('still serve')
})

needs('root').test(
  'a worker that has changed its user by itself, and holds no socket, is found and relieved',
  async () => {
    const app = "process.setgid(65534); process.setuid(65534); setTimeout(() => console.log('sleeps'), 2 ** 31 - 1)"
    const args = ['--no-preload', '--ready', 'uptime:500ms']
    const options: MasterOptions = { args, command: [process.execPath, '-e', app], stateDir: temporaryDirectory() }
    const first = await startMaster(options)
    await first.next('worker-ready')
    const [orphan] = workersOf(first)
    onEnd(() => kill(orphan!, 'SIGKILL'))
    await first.kill9()
    expect((await first.cli('status')).stderr).toContain(`still serve (pid ${orphan})`)
    const next = await startMaster(options)
    expect(await next.next('orphans-found')).toMatchObject({ pids: [orphan] })
    await expectRelieved(next, [orphan!])
  },
)

test('so it is on a unix socket, which keeps its path', async () => {
  const path = join(temporaryDirectory(), 'app.sock')
  const service = await startService({ args: BY_HAND, listen: [`unix:${path}`] })
  const load = await service.load({ target: path, rate: 300, identify: BY_PID })
  const { next, report } = await killAndRelieve(service, load)
  expect(Object.keys(report.versions)).toHaveLength(2)
  expect(await next.master.stop()).toBe(0)
})

test('a request in flight is finished by the orphan that had it', async () => {
  const service = await startService({ args: BY_HAND })
  const [orphan] = workersOf(service.master)
  const slow = service.ask('/slow?ms=1500')
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
  // Keeps the old worker while it drains.
  const half = await halfARequest(service.port)
  service.publish(nodeServer({ version: '2' }))
  service.master.signal('SIGUSR2')
  await service.master.waitFor((event) => event.type === 'worker-ready' && event.generation === 2, 'candidate')
  const orphans = workersOf(service.master)
  expect(orphans).toHaveLength(2)
  await service.master.kill9()
  const next = await service.again()
  await expectTakenBack(next.master, orphans)
  expect(await half.finish()).toContain('"version":"1"')
  const { build } = await service.master.next('build-committed')
  expect(await next.master.next('worker-started')).toMatchObject({ build })
  await expectRelieved(next.master, orphans)
  // It was on trial, without a verdict: it has another attempt.
  await next.master.next('build-committed')
  expect(await service.ask()).toMatchObject({ version: '2' })
  await expectNoneFailed(load, service.master, next.master)
})

test('a number on disk makes nobody an orphan: who has the inode by now and listens elsewhere is left alone', async () => {
  const service = await startService({ args: BY_HAND })
  const { master } = service
  await master.kill9()
  for (const pid of workersOf(master)) kill(pid, 'SIGKILL')
  const stranger = await strangerOn(await freePort())
  const paths = storeOf(master)
  const ledger = ledgerOf(paths)!
  const listeners = ledger.listeners.map((listener) => ({ ...listener, inode: stranger.inode }))
  writeFileSync(paths.state, JSON.stringify({ ...ledger, listeners }))
  const next = await service.again()
  expect(next.master.events.map(({ type }) => type)).not.toContain('orphans-found')
  expect(await next.master.next('listening')).toMatchObject({ how: 'bound' })
  expect(isAlive(stranger.pid)).toBe(true)
})

needs('python3').test('a unix socket that was bound anew is the one that the next master looks for', async () => {
  const path = join(temporaryDirectory(), 'app.sock')
  const app = join(temporaryDirectory(), 'app')
  const shut = 'server.socket.shutdown(socket.SHUT_RDWR)'
  script(`${SERVES_ANYWHERE}signal.signal(signal.SIGUSR1, lambda *_: ${shut})\nserver.serve_forever(0.05)\n`)(app)
  const options: MasterOptions = {
    args: ['--listen', `unix:${path}`],
    command: [app],
    stateDir: temporaryDirectory(),
  }
  const first = await startMaster(options)
  const { pid } = await first.next('worker-ready')
  kill(pid, 'SIGUSR1')
  await first.next('listener-tended')
  await first.waitFor((event) => event.type === 'worker-ready' && event.pid !== pid, 'worker on the new socket')
  await first.kill9()
  const next = await startMaster(options)
  await next.next('worker-ready')
  expect(await next.next('listening')).toMatchObject({ how: 'taken-back' })
})

needs('root', 'mount').describe('a record that could not be written at the start, for the disk was full', () => {
  /** A master that has bound its socket and could not write down which. */
  async function startUnrecorded(options: ServiceOptions = {}) {
    const disk = smallDisk(40)
    const first = await startService({ args: BY_HAND, stateDir: disk.path, ...options })
    await first.master.stop()
    disk.fill()
    const service = await first.again()
    expect(ledgerOf(storeOf(service.master))?.listeners.map(({ inode }) => String(inode))).not.toEqual(
      listenersOn(service.port),
    )
    return { disk, service }
  }

  test('hinders no next master: the workers show the socket', async () => {
    const { service } = await startUnrecorded()
    const load = await service.load({ rate: 200, identify: BY_PID })
    await killAndRelieve(service, load)
  })

  needs('nginx').test(
    'hinders none where the workers hide their environment: their build shows whose they are',
    async () => {
      const port = await freePort()
      const command = daemon('nginx').prepare(join(temporaryDirectory(), 'd'), port)
      const { service } = await startUnrecorded({ listen: [`127.0.0.1:${port}`], command })
      const { build } = await service.master.next('worker-ready')
      const [orphan] = workersOf(service.master)
      expect(environmentOf(orphan!)).not.toContain('AUTOUP_STATE')
      const load = await startLoad({ target: port, rate: 200, newShare: 1 })
      await service.master.kill9()
      const next = await service.again()
      await expectTakenBack(next.master, [orphan!])
      expect(await next.master.next('worker-draining')).toMatchObject({ pid: orphan, build })
      await expectRelieved(next.master, [orphan!])
      await answersMore(load, 50)
      await expectNoneFailed(load, next.master)
    },
  )

  test('is written when there is room', async () => {
    const { disk, service } = await startUnrecorded()
    disk.free()
    await until('it is written', () => {
      const recorded = ledgerOf(storeOf(service.master))?.listeners.map(({ inode }) => String(inode))
      return String(recorded) === String(listenersOn(service.port))
    })
  })
})

needs('nginx').test('the build of an orphan without an environment is told by where it works', async () => {
  const port = await freePort()
  const command = daemon('nginx').prepare(join(temporaryDirectory(), 'd'), port)
  const service = await startService({ args: BY_HAND, listen: [`127.0.0.1:${port}`], command })
  const { build, version } = await service.master.next('build-committed')
  const [orphan] = workersOf(service.master)
  expect(environmentOf(orphan!)).not.toContain('AUTOUP_STATE')
  await service.master.kill9()
  const next = await service.again()
  expect(await next.master.next('worker-draining')).toMatchObject({ pid: orphan, build, version })
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
    const service = await startService({ build: nodeServer({ version: '1' }) })
    const load = await service.load({ rate: 200 })
    const [worker] = workersOf(service.master)
    await service.master.cli('pause')
    const since = service.master.mark()
    service.publish(nodeServer({ version: '2' }))
    await service.master.next('build-staged', { since })
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
    `${name}, which writes its title over its environment, is found and finishes what it has`,
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
      // Puma does so only where its title is longer than its command.
      if (name === 'nginx') expect(environmentOf(orphans[0]!)).not.toContain('AUTOUP_STATE')
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
      const report = await load.stop()
      expect(failuresOf(daemon(name), report, first, next), `${summary(report)}\n${next.story()}`).toBe(0)
    },
  )
}

needs('nginx', 'strace').test(
  'where no socket can be had back, the workers are asked to finish in their own way',
  async () => {
    const port = await freePort()
    const options: MasterOptions = {
      args: ['--listen', `127.0.0.1:${port}`, '--drain-timeout', '20s'],
      command: daemon('nginx').prepare(join(temporaryDirectory(), 'd'), port),
      stateDir: temporaryDirectory(),
    }
    const first = await startMaster(options)
    await first.next('worker-ready')
    const half = await halfARequest(port)
    await first.kill9()
    const through = tracedFromTheStart('-e', 'trace=pidfd_getfd', '-e', 'inject=pidfd_getfd:error=EPERM')
    const next = await startMaster({ ...options, through })
    await next.waitFor((event) => event.type === 'warning' && /drained first/.test(event.message), 'wait')
    // Nobody new is accepted from here on, so that the signal has arrived.
    await until('nobody listens', () => listenersOn(port).length === 0)
    expect(await half.finish()).toContain('200 OK')
    await next.next('worker-ready')
  },
)

/** Under load: kill -9, the workers serve on, the next master takes over, and no request fails. */
async function killAndRelieve(service: Service, load: Load) {
  const orphans = workersOf(service.master)
  await service.master.kill9()
  await answersMore(load, 150)
  const next = await service.again()
  await expectTakenBack(next.master, orphans)
  await expectRelieved(next.master, orphans)
  await answersMore(load, 50)
  return { orphans, next, report: await expectNoneFailed(load, next.master) }
}

/** A fork returns to the master, and to nobody else, after 1 s: time enough to kill it. Threads are no forks. */
const LATE_FROM_FORK = ['-e', 'trace=fork,vfork,clone', '-e', 'inject=fork,vfork,clone:delay_exit=1000000']

/** The pid of the process that the master has just forked and does not know of yet. */
async function forked(master: Master, ...known: (number | undefined)[]): Promise<number> {
  return await until('the master has forked', () => {
    const child = childrenOf(master.pid).find(({ pid, name }) => name !== 'strace' && !known.includes(pid))
    return child?.pid
  })
}

/** Somebody else's server, gone with the test. */
async function strangerOn(port: number): Promise<{ pid: number; inode: number }> {
  const child = spawn(process.execPath, ['-e', `require('http').createServer().listen(${port}, '127.0.0.1')`], {
    stdio: 'ignore',
    detached: true,
  })
  onEnd(() => child.kill('SIGKILL'))
  const [inode] = await until('the stranger listens', () => {
    const inodes = listenersOn(port)
    return inodes.length > 0 ? inodes : null
  })
  return { pid: child.pid!, inode: Number(inode) }
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
      if (!socket.closed) {
        socket.write('\r\n')
        await once(socket, 'close')
      }
      return answer
    },
  }
}
