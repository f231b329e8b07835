/** Builds that vanish from the store behind the master's back: they count as not staged, and are staged anew. */

import { readlinkSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { nodeServer } from '../support/builds.ts'
import { ledgerOf, problemsOf, storeOf } from '../support/faults-store.ts'
import type { Master } from '../support/master.ts'
import { childrenOf, kill } from '../support/processes.ts'
import { type Service, startService } from '../support/service.ts'
import { until } from '../support/until.ts'

/** v1 serves; v2 is staged and waits. */
async function startWithCandidate(): Promise<{ service: Service; candidate: string }> {
  const service = await startService({ build: nodeServer({ version: '1' }) })
  const { master } = service
  await master.cli('pause')
  const since = master.mark()
  service.publish(nodeServer({ version: '2' }))
  const { build } = await master.next('build-staged', { since })
  return { service, candidate: build }
}

function lose(master: Master, build: string, part = ''): void {
  rmSync(join(storeOf(master).builds, build, part), { recursive: true })
}

async function expectV2(service: Service, master: Master, since: number): Promise<void> {
  await master.next('build-committed', { since })
  expect(await service.ask()).toMatchObject({ version: '2' })
  expect(ledgerOf(storeOf(master))).toMatchObject({ candidate: null, quarantine: [] })
  expect(await problemsOf(storeOf(master))).toEqual([])
}

test.each([
  ['that is gone', ''],
  ['without its tree', 'tree'],
  ['without its description', 'build.json'],
  ['without its program', 'tree/app'],
])('a candidate %s is no failure of the build: it is staged anew and promoted', async (_, part) => {
  const { service, candidate } = await startWithCandidate()
  const { master } = service
  lose(master, candidate, part)
  const since = master.mark()
  await master.cli('resume')
  await master.next('build-staged', { since })
  await expectV2(service, master, since)
})

test('an upgrade by hand stages what is gone before it promotes it', async () => {
  const { service, candidate } = await startWithCandidate()
  const { master } = service
  lose(master, candidate)
  const since = master.mark()
  expect(await master.cli('upgrade')).toMatchObject({ code: 0 })
  await expectV2(service, master, since)
})

test('a candidate that is gone when the master starts is no candidate', async () => {
  const { service, candidate } = await startWithCandidate()
  await service.master.stop()
  lose(service.master, candidate)
  const { master } = await service.again()
  expect(await master.next('warning')).toMatchObject({ message: expect.stringMatching(/^the candidate \w+ is not as/) })
  await master.next('build-staged')
  await master.cli('resume')
  await expectV2(service, master, 0)
})

test('the committed build is staged anew under its workers, and a worker that dies is started again', async () => {
  const service = await startService({ build: nodeServer({ version: '1' }) })
  const { master } = service
  const { build } = await master.next('build-committed')
  const [worker] = (await master.status()).workers
  const since = master.mark()
  lose(master, build)
  kill(worker!.pid, 'SIGKILL')
  await master.next('worker-ready', { since })
  expect(await service.ask()).toMatchObject({ version: '1' })
  expect(await problemsOf(storeOf(master))).toEqual([])
})

test('the directory of the sockets on which workers speak is made anew: a login ended, or /tmp was tidied', async () => {
  const service = await startService({ build: nodeServer({ version: '1' }), args: ['--ready', 'notify'] })
  const { master } = service
  rmSync(readlinkSync(join(master.home, 'run')), { recursive: true })
  const since = master.mark()
  const [worker] = childrenOf(master.pid)
  kill(worker!.pid, 'SIGKILL')
  await master.next('worker-ready', { since })
  service.publish(nodeServer({ version: '2' }))
  expect(await master.cli('upgrade')).toMatchObject({ code: 0 })
  expect(await service.ask()).toMatchObject({ version: '2' })
})

test('a state directory that is removed under the master is made anew, with the build that serves', async () => {
  const service = await startService({ build: nodeServer({ version: '1' }) })
  const { master } = service
  const { build } = await master.next('build-committed')
  const since = master.mark()
  // In one stroke, whatever is written meanwhile.
  renameSync(master.home, `${master.home}.gone`)
  const [worker] = childrenOf(master.pid)
  kill(worker!.pid, 'SIGKILL')
  await master.next('worker-ready', { since })
  expect(await service.ask()).toMatchObject({ version: '1' })
  await until('a command reaches it again', async () => (await master.cli('status')).code === 0)
  expect(await master.cli('upgrade')).toMatchObject({ code: 0 })
  expect(ledgerOf(storeOf(master))).toMatchObject({ committed: { id: build } })
  expect(await problemsOf(storeOf(master))).toEqual([])
})
