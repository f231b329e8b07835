/**
 * What tableflip promises, kept by autoup: a new process that does not get ready changes nothing, whatever the way in
 * which it fails, and the old one serves all the time. Where tableflip's processes replace each other, the master stays.
 */

import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Artifact, badBehaviour } from '../../support/builds.ts'
import { gate, PATIENT } from '../../support/gate.ts'
import { hold } from '../../support/held.ts'
import { summary } from '../../support/load.ts'
import { temporaryDirectory } from '../../support/master.ts'
import { type PlainApp, plainApp } from '../../support/plain-app.ts'
import { isAlive } from '../../support/processes.ts'
import { BY_HAND, type Service, startService } from '../../support/service.ts'
import { areGone, failsOver, leavesTheSocket, pidOf, swapTo } from '../../support/swap.ts'

const app = (version: string, more: PlainApp = {}) => plainApp({ version, ...more })
const start = (...args: string[]): Promise<Service> => startService({ build: app('1'), args: [...BY_HAND, ...args] })

describe('the old worker serves all the time, with the pid it has, when the new one', () => {
  const failures: [string, Artifact, RegExp][] = [
    ['crashes before it is ready', badBehaviour['a build that exits at once']!, /exited? with 1|exit.*1/],
    ['exits with 0 before it is ready', badBehaviour['a build that exits 0 at once']!, /exited? with 0|exit.*0/],
    ['hangs past the timeout', badBehaviour['a build that never gets ready']!, /not (seen to serve|ready)/],
  ]
  test.each(failures)('%s; and the next good one is taken', async (_, bad, reason) => {
    const service = await start('--ready-timeout', '1s')
    const load = await service.load({ rate: 60 })
    const slow = await hold(service.port)
    const upgrade = await failsOver(service, bad)
    expect(upgrade).toMatchObject({ code: 6, stderr: expect.stringMatching(reason) })
    await swapTo(service, app('2'))
    await load.waitFor((report) => report.versions['2'] !== undefined, 'answer of v2')
    const report = await load.stop()
    expect(report.failed, summary(report)).toBe(0)
    expect(await slow.finish()).toMatchObject({ version: '1' })
  })
})

test('a stop during an upgrade ends both, with the answers that the old one owes', async () => {
  const service = await start(...PATIENT)
  const slow = await hold(service.port)
  const old = await pidOf(service)
  const since = service.master.mark()
  service.publish(app('2', { waitsFor: gate().opened }))
  const upgrade = service.master.cli('upgrade')
  const { pid: candidate } = await service.master.next('worker-started', { since })
  const stop = service.master.cli('stop')
  await service.master.waitFor((event) => event.type === 'worker-draining' && event.pid === old, 'drain of the old one')
  expect(await slow.finish()).toMatchObject({ version: '1', pid: old })
  expect(await stop).toMatchObject({ code: 0 })
  expect(await service.master.exited).toBe(0)
  expect((await upgrade).code, 'it says that nothing came of it').not.toBe(0)
  expect([old, candidate].filter(isAlive)).toEqual([])
})

test('what was stopped during its upgrade is no failure: the next start boots the old build and tries again', async () => {
  const service = await start(...PATIENT)
  const door = gate()
  const since = service.master.mark()
  service.publish(app('2', { waitsFor: door.opened }))
  service.master.signal('SIGUSR2')
  await service.master.next('worker-started', { since })
  expect(await service.master.stop()).toBe(0)
  door.open()
  const next = await service.again()
  expect(await next.master.next('worker-ready')).toMatchObject({ generation: 1 })
  expect(await next.master.cli('upgrade')).toMatchObject({ code: 0 })
  await next.master.waitFor((event) => event.type === 'build-committed', 'commit of v2')
  expect((await next.master.status()).quarantine).toEqual([])
})

test('a second upgrade during the first waits for the same verdict and starts nothing', async () => {
  const service = await start(...PATIENT)
  const old = await pidOf(service)
  const since = service.master.mark()
  const door = gate()
  service.publish(app('2', { waitsFor: door.opened }))
  const first = service.master.cli('upgrade')
  await service.master.next('worker-started', { since })
  expect(await service.master.cli('upgrade', '--timeout', '300ms'), 'still waiting').toMatchObject({ code: 7 })
  expect(await service.ask()).toMatchObject({ version: '1', pid: old })
  const second = service.master.cli('upgrade')
  door.open()
  expect(await first).toMatchObject({ code: 0 })
  expect(await second).toMatchObject({ code: 0 })
  await leavesTheSocket(old, service.port)
  expect(await service.ask()).toMatchObject({ version: '2' })
  expect(service.master.events.slice(since).filter(({ type }) => type === 'worker-started')).toHaveLength(1)
})

test('a running upgrade can be called off, and the old worker has not noticed', async () => {
  const service = await start(...PATIENT)
  const old = await pidOf(service)
  const since = service.master.mark()
  service.publish(app('2', { waitsFor: gate().opened }))
  const upgrade = service.master.cli('upgrade')
  const { pid: candidate } = await service.master.next('worker-started', { since })
  await service.master.cli('rollback')
  expect((await upgrade).code).toBe(6)
  await areGone(candidate)
  expect(await service.ask()).toMatchObject({ version: '1', pid: old })
})

test('several old processes may drain at once: an upgrade does not wait for the one before', async () => {
  const service = await start()
  const first = await hold(service.port)
  await swapTo(service, app('2'))
  const second = await hold(service.port)
  await swapTo(service, app('3'))
  expect(await service.ask()).toMatchObject({ version: '3' })
  expect(await first.finish()).toMatchObject({ version: '1' })
  expect(await second.finish()).toMatchObject({ version: '2' })
})

test('the pid file is that of the process that stays, through every upgrade', async () => {
  const service = await start()
  const pid = () => Number(readFileSync(join(service.master.home, 'master.pid'), 'utf8'))
  expect(pid()).toBe(service.master.pid)
  await swapTo(service, app('2'))
  expect(pid()).toBe(service.master.pid)
  await service.master.stop()
  expect(existsSync(join(service.master.home, 'master.pid'))).toBe(false)
})

describe('a unix socket', () => {
  const paths = (...names: string[]) => {
    const folder = temporaryDirectory()
    return names.map((name) => join(folder, name))
  }
  const on = (version: string, path: string) => app(version, { doors: [{ name: 'unix', where: `'${path}'` }] })

  test('keeps its path, and the path its file, through an upgrade; the final stop removes it', async () => {
    const [path] = paths('app.sock') as [string]
    const service = await startService({ build: on('1', path), args: BY_HAND, listen: [`unix:${path}`] })
    const { ino } = statSync(path)
    const load = await service.load({ target: path, rate: 60, newShare: 1 })
    const slow = await hold(path)
    await swapTo(service, on('2', path))
    await load.waitFor((report) => report.versions['2'] !== undefined, 'answer of v2')
    const report = await load.stop()
    expect(report.failed, summary(report)).toBe(0)
    expect(await slow.finish()).toMatchObject({ version: '1' })
    expect(statSync(path).ino).toBe(ino)
    await service.master.stop()
    expect(existsSync(path)).toBe(false)
  })

  test('that no worker uses is removed in the end as well', async () => {
    const [used, unused] = paths('used.sock', 'unused.sock') as [string, string]
    const listen = [`unix:${used}`, `unix:${unused}`]
    // Without a word about it, a worker is ready when it serves all that is declared.
    const args = [...BY_HAND, '--drain-timeout', '1s', '--ready', 'uptime:100ms']
    const service = await startService({ build: on('1', used), args, listen })
    await service.master.stop()
    expect([used, unused].filter((path) => existsSync(path))).toEqual([])
  })
})
