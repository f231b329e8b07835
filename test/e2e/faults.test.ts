import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { archive, nodeServer, script } from '../support/builds.ts'
import { smallDisk } from '../support/faults-disk.ts'
import { workersOf } from '../support/faults-hand-over.ts'
import { ledgerOf, problemsOf, storeOf, temporariesOf } from '../support/faults-store.ts'
import { attach, tracedFromTheStart } from '../support/faults-strace.ts'
import { type Load, summary } from '../support/load.ts'
import { type Master, said, startMaster, temporaryDirectory } from '../support/master.ts'
import { freePort } from '../support/ports.ts'
import { belongingTo, descriptorsOf, isAlive, kill } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { type Service, type ServiceOptions, startService } from '../support/service.ts'
import { until } from '../support/until.ts'

/** Hears no signal, and neither does its child, which is in a process group of its own. */
const STUBBORN = `#!/usr/bin/python3
import os, signal, socket
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setpgid(0, 0)
    while True: signal.pause()
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door: door.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
while True: signal.pause()
`

interface Trouble extends Service {
  readonly running: Load
}

/** A new test's service: v1, under load. */
async function serveV1(options: ServiceOptions = {}): Promise<Trouble> {
  const service = await startService({ build: nodeServer({ version: '1' }), ...options })
  return { ...service, running: await service.load({ rate: 100 }) }
}

/** The fault is gone: v2 gets live by itself, and nothing has happened to anybody meanwhile. */
async function expectRecovery({ master, running }: Trouble, since: number): Promise<void> {
  await master.next('build-committed', { since })
  await running.waitFor((report) => report.versions['2'] !== undefined, 'answer of v2')
  const report = await running.stop()
  expect(report.failed, `${summary(report)}\n${master.story()}`).toBe(0)
  expect(report.versions['1']).toBeDefined()
  expect(isAlive(master.pid)).toBe(true)
  expect(master.events.filter(({ type }) => type === 'build-quarantined')).toEqual([])
  const paths = storeOf(master)
  expect(await problemsOf(paths)).toEqual([])
  expect(ledgerOf(paths)?.quarantine).toEqual([])
  expect(temporariesOf(paths)).toEqual([])
}

/** The next thing said that a person would call an answer. */
async function told(master: Master, what: RegExp, since: number): Promise<void> {
  await master.waitFor(
    (event) =>
      ((event.type === 'check-finished' || event.type === 'warning') && what.test(event.message)) ||
      (event.type === 'promotion-failed' && what.test(event.reason)) ||
      (event.type === 'worker-failed' && what.test(event.reason)),
    `word of ${what}`,
    { since },
  )
}

async function staged(service: Trouble): Promise<void> {
  const since = service.master.mark()
  service.publish(nodeServer({ version: '2' }))
  await service.master.next('build-staged', { since })
}

const onDisk = needs('root', 'mount')

onDisk.describe('a full disk', () => {
  onDisk.test('while staging: said so with the place, tried again, staged when there is room', async () => {
    const disk = smallDisk(40)
    const service = await serveV1({ stateDir: disk.path })
    const since = service.master.mark()
    disk.fill()
    service.publish(nodeServer({ version: '2' }))
    await told(service.master, /left and .* needed: free some space/, since)
    disk.free()
    await expectRecovery(service, since)
  })

  onDisk.test('in the middle of staging, where the size did not tell: no half of it remains', async () => {
    const disk = smallDisk(40, 60)
    const service = await serveV1({
      stateDir: disk.path,
      file: 'app.tar.gz',
      build: archive(nodeServer({ version: '1' })),
    })
    const since = service.master.mark()
    const many = Object.fromEntries(Array.from({ length: 80 }, (_, index) => [`file-${index}`, 'x']))
    service.publish(archive(nodeServer({ version: '2' }), many))
    await told(service.master, /the disk is full; free some space/, since)
    disk.grow()
    await expectRecovery(service, since)
  })

  onDisk.test('at the record of the candidate: what cannot be recorded is not started', async () => {
    const disk = smallDisk(40)
    const service = await serveV1({ stateDir: disk.path })
    const { master } = service
    await master.cli('pause')
    await staged(service)
    const since = master.mark()
    const before = workersOf(master)
    disk.fill()
    await master.cli('resume')
    await told(master, /state\.json: the disk is full; free some space/, since)
    await master.waitFor(
      (event) => event.type === 'promotion-failed' && /is not started/.test(event.reason),
      'refusal',
      {
        since,
      },
    )
    expect(workersOf(master)).toEqual(before)
    disk.free()
    await expectRecovery(service, since)
  })

  onDisk.test('at the commit: the new build serves on, and is committed when there is room', async () => {
    const disk = smallDisk(40)
    const service = await serveV1({ stateDir: disk.path, args: ['--probation', '800ms'] })
    const { master, running } = service
    const since = master.mark()
    service.publish(nodeServer({ version: '2' }))
    await master.next('promotion-ready', { since })
    disk.fill()
    await told(master, /state\.json: the disk is full; free some space/, since)
    await running.waitFor((report) => report.versions['2'] !== undefined, 'answer of v2')
    expect(ledgerOf(storeOf(master))?.committed?.id).toBe((await master.next('build-committed')).build)
    disk.free()
    await master.next('build-committed', { since })
    const report = await running.stop()
    expect(report.failed, summary(report)).toBe(0)
    expect(await problemsOf(storeOf(master))).toEqual([])
  })

  onDisk.test(
    'at the start: the committed build boots, beside the orphans, and the next release comes later',
    async () => {
      const disk = smallDisk(40)
      const service = await serveV1({ stateDir: disk.path })
      await service.master.kill9()
      disk.fill()
      service.publish(nodeServer({ version: '2' }))
      const next = await service.again()
      expect(said(next.master)).toMatch(/the disk is full; free some space; the committed build boots all the same/)
      const trouble = { ...service, ...next }
      const since = next.master.mark()
      await told(next.master, /left and .* needed: free some space/, 0)
      disk.free()
      await expectRecovery(trouble, since)
      expect(await next.master.status()).toMatchObject({ state: 'idle' })
    },
  )

  onDisk.test('read-only under a master: it serves on, and a stop is a stop', async () => {
    const disk = smallDisk(40)
    const { master, ask } = await startService({ build: nodeServer({ version: '1' }), stateDir: disk.path })
    disk.turnReadOnly()
    expect(await ask()).toMatchObject({ version: '1' })
    expect(await master.stop(), master.story()).toBe(0)
  })

  onDisk.test('at the first start of all: one sentence, exit 1, nothing started', async () => {
    const disk = smallDisk(1)
    disk.fill()
    const app = join(temporaryDirectory(), 'app')
    nodeServer({ version: '1' })(app)
    const args = ['--listen', `127.0.0.1:${await freePort()}`, '--fetch', `file:${app}`]
    const master = await startMaster({ args, stateDir: join(disk.path, 's') })
    expect(await master.exited).toBe(1)
    expect(master.output.join('\n')).toMatch(/^autoup: cannot write .*: the disk is full; free some space$/)
  })
})

needs('prlimit').describe('no descriptors left (EMFILE)', () => {
  needs('prlimit').test('the old build serves on, and the next one follows when there are some again', async () => {
    const service = await serveV1()
    const { master } = service
    const since = master.mark()
    const limit = limitOf(master)
    limit.set(descriptorsOf(master.pid).length)
    service.publish(nodeServer({ version: '2' }))
    await told(master, /EMFILE|too many (open )?files/, since)
    limit.lift()
    await expectRecovery(service, since)
  })

  needs('prlimit').test('at the start of a candidate: no verdict', async () => {
    const service = await serveV1()
    const { master } = service
    await master.cli('pause')
    await staged(service)
    const since = master.mark()
    const limit = limitOf(master)
    // Enough to be asked, and to record; not enough for sockets of another worker.
    limit.set(descriptorsOf(master.pid).length + 2)
    await master.cli('resume')
    await told(master, /EMFILE|too many (open )?files/, since)
    limit.lift()
    await expectRecovery(service, since)
  })

  needs('prlimit', 'python3').test(
    'at the drain deadline: the worker and what is in its session are ended',
    async () => {
      const service = await startService({
        build: script(STUBBORN),
        args: ['--drain-timeout', '500ms', '--ready', 'notify'],
      })
      const { master } = service
      const [worker] = workersOf(master)
      const members = belongingTo(master.stateDir).filter(({ session }) => session === worker)
      expect(members.length).toBeGreaterThan(1)
      const since = master.mark()
      master.signal('SIGUSR2')
      await master.next('worker-draining', { since })
      const limit = limitOf(master)
      limit.set(lowestFree(master))
      await master.next('worker-killed', { since })
      await master.waitFor((event) => event.type === 'worker-exited' && event.pid === worker, 'end', { since })
      expect(members.filter(({ pid }) => isAlive(pid))).toEqual([])
      limit.lift()
    },
  )

  needs('prlimit').test('a worker that dies meanwhile is started again when it can be', async () => {
    const service = await serveV1()
    const { master, running } = service
    const [worker] = workersOf(master)
    await running.stop()
    const since = master.mark()
    const limit = limitOf(master)
    limit.set(descriptorsOf(master.pid).length - 3)
    kill(worker!, 'SIGKILL')
    await told(master, /EMFILE|too many (open )?files/, since)
    limit.lift()
    await master.next('worker-ready', { since })
    expect(await service.ask()).toMatchObject({ version: '1' })
  })
})

needs('strace').test(
  'no processes left (EAGAIN on fork), for stager, preflight and worker in turn: no verdict',
  async () => {
    const folder = temporaryDirectory()
    const [runs, open] = [join(folder, 'runs'), join(folder, 'open')]
    writeFileSync(open, '')
    const preflight = `touch ${runs}; until test -e ${open}; do sleep 0.02; done`
    const service = await serveV1({ args: ['--preflight', preflight] })
    const { master } = service
    for (const path of [runs, open]) rmSync(path)
    const nextForkFails = () =>
      attach(master.pid, '-e', 'trace=fork,vfork,clone', '-e', 'inject=fork,vfork,clone:error=EAGAIN:when=1')
    await master.cli('pause')
    const since = master.mark()
    const stager = await nextForkFails()
    service.publish(nodeServer({ version: '2' }))
    await told(master, /stager for .* could not be started .*EAGAIN.*tried again/, since)
    await stager.detach()
    await master.next('build-staged', { since })
    const first = await nextForkFails()
    await master.cli('resume')
    await told(master, /preflight failed: .*EAGAIN/, since)
    await first.detach()
    await until('the preflight runs', () => existsSync(runs))
    const worker = await nextForkFails()
    writeFileSync(open, '')
    await told(master, /could not be started: .*EAGAIN/, since)
    await worker.detach()
    await expectRecovery(service, since)
  },
)

needs('strace').describe('a disk with errors (EIO)', () => {
  needs('strace').test('in the stager: said so, and staged once it is well again', async () => {
    const service = await serveV1()
    const { master } = service
    const since = master.mark()
    // The stager inherits the tracer; it makes folders in the store alone.
    const tracer = await attach(master.pid, '-f', '-e', 'trace=mkdir,mkdirat', '-e', 'inject=mkdir,mkdirat:error=EIO')
    service.publish(nodeServer({ version: '2' }))
    await told(master, /EIO|the disk reports an error/, since)
    await tracer.detach()
    await expectRecovery(service, since)
  })

  const RULES: readonly [string, (master: Master) => string[]][] = [
    ['fsync of its directory', ({ home }) => ['-P', home, '-e', 'trace=fsync', '-e', 'inject=fsync:error=EIO']],
    ['fsync of the record', () => ['-e', 'trace=fsync', '-e', 'inject=fsync:error=EIO']],
    // strace knows a rename by neither of its paths; the master renames nothing but what it records.
    ['rename of the record', () => ['-e', 'trace=rename', '-e', 'inject=rename:error=EIO']],
  ]

  // Each asks the same of the core; the long form of the fault tests has them all.
  const tried = process.env.AUTOUP_CRASHES ? RULES : RULES.slice(0, 1)
  for (const [what, rules] of tried) {
    needs('strace').test(`at the ${what}: nothing is started, and the candidate waits`, async () => {
      const service = await serveV1()
      const { master } = service
      await master.cli('pause')
      await staged(service)
      const since = master.mark()
      const before = workersOf(master)
      const tracer = await attach(master.pid, ...rules(master))
      await master.cli('resume')
      await told(master, /the disk reports an error; look at the kernel log.* is not started/, since)
      expect(workersOf(master)).toEqual(before)
      await tracer.detach()
      await expectRecovery(service, since)
    })

    needs('strace').test(`at the ${what} of a commit: the new build serves on and is committed later`, async () => {
      const service = await serveV1({ args: ['--probation', '1s'] })
      const { master } = service
      const since = master.mark()
      service.publish(nodeServer({ version: '2' }))
      await master.next('promotion-ready', { since })
      const tracer = await attach(master.pid, ...rules(master))
      await told(master, /the disk reports an error; look at the kernel log/, since)
      await service.running.waitFor((report) => report.versions['2'] !== undefined, 'answer of v2')
      await tracer.detach()
      await master.next('build-committed', { since })
      const report = await service.running.stop()
      expect(report.failed, summary(report)).toBe(0)
      expect(await problemsOf(storeOf(master))).toEqual([])
    })
  }

  needs('strace').test(
    'at the start, when the state cannot be read: one sentence, exit 1, nothing is lost',
    async () => {
      const service = await serveV1()
      const { master } = service
      await master.kill9()
      const state = storeOf(master).state
      const through = tracedFromTheStart(
        '-f',
        '-P',
        state,
        '-e',
        'trace=read,pread64',
        '-e',
        'inject=read,pread64:error=EIO',
      )
      const args = ['--listen', `127.0.0.1:${service.port}`, '--fetch', `file:${service.path}`]
      const second = await startMaster({ args, stateDir: master.stateDir, through })
      expect(await second.exited).toBe(1)
      expect(second.output.join('\n')).toMatch(
        /cannot read .*state\.json: the disk reports an error; look at the kernel log/,
      )
      expect(existsSync(state)).toBe(true)
      const next = await service.again()
      expect(await next.ask()).toMatchObject({ version: '1' })
      expect((await service.running.stop()).failed).toBe(0)
    },
  )
})

/** The number that the next descriptor would get: under this limit there is none. */
function lowestFree({ pid }: Master): number {
  const taken = new Set(readdirSync(`/proc/${pid}/fd`).map(Number))
  let free = 0
  while (taken.has(free)) free++
  return free
}

/** RLIMIT_NOFILE of a running master, by prlimit(1): the soft one alone, so that it can be raised again. */
function limitOf({ pid }: Master): { set(descriptors: number): void; lift(): void } {
  const set = (soft: number): void => {
    execFileSync('prlimit', ['--pid', String(pid), `--nofile=${soft}:`])
  }
  return { set, lift: () => set(1_024) }
}
