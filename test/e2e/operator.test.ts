import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { badBehaviour, nodeServer } from '../support/builds.ts'
import { gate, PATIENT } from '../support/gate.ts'
import { autoup, type Master, temporaryDirectory } from '../support/master.ts'
import { plainApp } from '../support/plain-app.ts'
import { isAlive } from '../support/processes.ts'
import { BY_HAND, type Service, startService } from '../support/service.ts'
import { until } from '../support/until.ts'

async function upgraded(service: Service, version: string): Promise<void> {
  service.publish(nodeServer({ version }))
  const upgrade = await service.master.cli('upgrade')
  expect(upgrade, upgrade.stderr).toMatchObject({ code: 0 })
  expect(await service.ask()).toMatchObject({ version })
}

/** Resolves with the answer; the request is in the master's hands before that of a command that is started later. */
async function post({ home }: Master, verb: string): Promise<unknown> {
  const asking = request({ socketPath: join(home, 'control.sock'), method: 'POST', path: `/${verb}` }).end()
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  return JSON.parse(Buffer.concat(await response.toArray()).toString())
}

test('status shows what runs, as documented', async () => {
  const service = await startService()
  const status = await service.master.status()
  expect(status).toMatchObject({
    name: 'app',
    pid: service.master.pid,
    state: expect.stringMatching(/^(idle|checking)$/),
    since: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    source: `file:${service.path}`,
    listen: [{ name: `port-${service.port}`, address: `127.0.0.1:${service.port}` }],
    current: { build: expect.stringMatching(/^sha256-[0-9a-f]{64}$/), proofs: expect.any(Array) },
    previous: null,
    candidate: null,
    workers: [{ generation: 1, state: 'ready', restarts: 0, connections: expect.any(Number) }],
    quarantine: [],
    paused: false,
  })
  expect(status.workers[0]!.pid).toBe((await service.ask()).pid)
  const text = await service.master.cli('status')
  expect(text).toMatchObject({ code: 0, stdout: expect.stringContaining(String(service.master.pid)) })
})

test('upgrade with nothing new does nothing and exits 0', async () => {
  const service = await startService({ args: BY_HAND })
  const before = await service.ask()
  expect(await service.master.cli('upgrade')).toMatchObject({ code: 0 })
  expect(await service.ask()).toEqual(before)
})

test('an upgrade that is asked for during another one tells what came of the release published since', async () => {
  const service = await startService({ args: [...BY_HAND, ...PATIENT] })
  const door = gate()
  const since = service.master.mark()
  service.publish(plainApp({ version: '2', waitsFor: door.opened }))
  const first = service.master.cli('upgrade')
  await service.master.next('worker-started', { since })
  service.publish(badBehaviour['a build that exits at once']!)
  const second = post(service.master, 'upgrade')
  await service.master.status()
  door.open()
  expect(await first).toMatchObject({ code: 0 })
  expect(await second).toMatchObject({ outcome: 'rolled-back', exit: 6 })
  expect(await service.ask()).toMatchObject({ version: '2' })
})

test('who waits for an upgrade when the master stops is told so', async () => {
  const service = await startService({ args: [...BY_HAND, ...PATIENT] })
  const since = service.master.mark()
  service.publish(plainApp({ version: '2', waitsFor: gate().opened }))
  const first = service.master.cli('upgrade')
  await service.master.next('worker-started', { since })
  const second = post(service.master, 'upgrade')
  await service.master.status()
  expect(await service.master.stop()).toBe(0)
  expect(await first).toMatchObject({ code: 1, stderr: 'app: the master has stopped\n' })
  expect(await second).toMatchObject({ outcome: 'stopped', exit: 1 })
})

test('a rollback by hand serves the build before, and the next check does not undo it', async () => {
  const service = await startService()
  await upgraded(service, '2')
  const two = (await service.master.status()).current!.build
  const rollback = await service.master.cli('rollback')
  expect(rollback, rollback.stderr).toMatchObject({ code: 0 })
  expect(await service.ask()).toMatchObject({ version: '1' })
  expect(await service.master.cli('upgrade'), 'it is held').toMatchObject({ code: 6 })
  expect(await service.ask()).toMatchObject({ version: '1' })
  const status = await service.master.status()
  expect(status.quarantine).toMatchObject([{ build: two, reason: 'rolled back by operator' }])
  await upgraded(service, '3')
})

test('a rollback without a build to go back to says so and exits 1', async () => {
  const service = await startService()
  expect(await service.master.cli('rollback')).toMatchObject({ code: 1, stderr: expect.stringMatching(/previous/) })
})

test('restart is a new generation of the same build', async () => {
  const service = await startService()
  const before = await service.ask()
  expect(await service.master.cli('restart')).toMatchObject({ code: 0 })
  await service.master.waitFor((event) => event.type === 'worker-exited' && event.pid === before.pid, 'end of the old')
  const after = await service.ask()
  expect(after).toMatchObject({ version: '1', generation: 2 })
  expect(after.pid).not.toBe(before.pid)
})

test('pause stops promotions but not a manual upgrade, and lasts over a restart of the master', async () => {
  const service = await startService()
  expect(await service.master.cli('pause')).toMatchObject({ code: 0 })
  const since = service.master.mark()
  service.publish(nodeServer({ version: '2' }))
  await service.master.next('build-staged', { since })
  expect(await service.ask()).toMatchObject({ version: '1' })
  expect(await service.master.stop()).toBe(0)
  const next = await service.again()
  expect((await next.master.status()).paused).toBe(true)
  expect(await next.ask()).toMatchObject({ version: '1' })
  expect(await next.master.cli('upgrade')).toMatchObject({ code: 0 })
  expect(await next.ask()).toMatchObject({ version: '2' })
  expect(await next.master.cli('resume')).toMatchObject({ code: 0 })
  const again = next.master.mark()
  next.publish(nodeServer({ version: '3' }))
  await next.master.next('build-committed', { since: again })
})

test('releases lists the builds on disk', async () => {
  const service = await startService()
  await upgraded(service, '2')
  const { current, previous } = await service.master.status()
  const releases = await service.master.cli('releases', '--json')
  expect(releases.code).toBe(0)
  for (const build of [current, previous]) expect(releases.stdout).toContain(build!.build)
})

test('TTIN and TTOU are one worker more or less, down to one', async () => {
  const service = await startService()
  for (const [signal, instances] of [
    ['SIGTTIN', 2],
    ['SIGTTIN', 3],
    ['SIGTTOU', 2],
    ['SIGTTOU', 1],
  ] as const) {
    service.master.signal(signal)
    await until(`${instances} workers`, async () => {
      const { workers } = await service.master.status()
      return workers.length === instances && workers.every(({ state }) => state === 'ready')
    })
  }
  service.master.signal('SIGTTOU')
  expect((await service.master.status()).workers).toHaveLength(1)
})

test('--instances workers share the socket and are replaced together', async () => {
  const service = await startService({ args: ['--instances', '3'] })
  expect((await service.master.status()).workers).toHaveLength(3)
  await upgraded(service, '2')
  await until('the old generation is gone', async () => {
    const { workers } = await service.master.status()
    return workers.length === 3 && workers.every(({ generation }) => generation === 2)
  })
})

test('--strategy rolling replaces one after the other', async () => {
  const service = await startService({ args: ['--instances', '3', '--strategy', 'rolling'] })
  const load = await service.load({ rate: 100 })
  await upgraded(service, '2')
  expect((await load.stop()).failed).toBe(0)
  const order = service.master.events.filter((event) => 'generation' in event && event.generation <= 2)
  const firstDrain = order.findIndex(({ type }) => type === 'worker-draining')
  const lastStart = order.findLastIndex(({ type }) => type === 'worker-started')
  expect(firstDrain, 'an old one goes before the last new one starts').toBeLessThan(lastStart)
})

test('stop drains, exits 0, and afterwards every command exits 3', async () => {
  const service = await startService()
  const slow = service.ask('/slow?ms=1000')
  const { pid } = await service.ask()
  expect(await service.master.cli('stop')).toMatchObject({ code: 0 })
  expect(await slow).toMatchObject({ version: '1' })
  expect(await service.master.exited).toBe(0)
  expect(isAlive(pid)).toBe(false)
  for (const command of ['status', 'upgrade', 'rollback', 'restart', 'pause', 'resume', 'stop']) {
    expect(await service.master.cli(command), command).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/not running/),
    })
  }
})

test('a second TERM ends at once what the first one drains; QUIT does without a first', async () => {
  const service = await startService()
  const slow = service.ask('/slow?ms=20000').catch(() => 'cut')
  service.master.signal('SIGTERM')
  await service.master.next('worker-draining')
  service.master.signal('SIGTERM')
  await service.master.exited
  expect(await slow).toBe('cut')
  const next = await service.again()
  void next.ask('/slow?ms=20000').catch(() => {})
  next.master.signal('SIGQUIT')
  await next.master.exited
})

test('a worker that crashes is started again from the committed build', async () => {
  const service = await startService()
  const { pid } = await service.ask()
  const since = service.master.mark()
  await service.ask('/crash').catch(() => {})
  const exited = await service.master.next('worker-exited', { since })
  expect(exited).toMatchObject({ pid, expected: false })
  expect(await service.ask()).toMatchObject({ version: '1' })
})

test('without --fetch and with --no-respawn the master ends with the exit code of its worker', async () => {
  const stateDir = temporaryDirectory()
  const command = ['/bin/sh', '-c', 'exit 7']
  expect(
    await autoup(['run', '--name', 'app', '--state-dir', stateDir, '--no-respawn', '--', ...command]),
  ).toMatchObject({ code: 7 })
})

test('upgrade --no-wait does not wait for the verdict', async () => {
  const service = await startService({ args: [...BY_HAND, '--ready-timeout', '3s'] })
  service.publish(badBehaviour['a build that never gets ready']!)
  expect(await service.master.cli('upgrade', '--no-wait')).toMatchObject({ code: 0 })
  await service.master.next('promotion-failed')
})
