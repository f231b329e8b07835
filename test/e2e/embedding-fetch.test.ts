/** `run` of a script with a release source: it serves as it lies there, then what is released, and is that at its next start. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { badBytes, directory, nodeServer, publish, script } from '../support/builds.ts'
import { type Embedded, embeddedRelease, embeddedScript, type Program, startEmbedded } from '../support/embedded.ts'
import { startLoad, summary } from '../support/load.ts'
import { type Master, temporaryDirectory } from '../support/master.ts'
import { until } from '../support/until.ts'

interface Fetching extends Embedded {
  /** Puts it where it is fetched from. */
  release(program: Program): void
  readonly path: string
}

async function fetching(program: Program = {}, env: Record<string, string> = {}): Promise<Fetching> {
  const path = join(temporaryDirectory(), 'release')
  const embedded = await startEmbedded([process.execPath, embeddedScript(program)], {
    env: { FETCH: `file:${path}`, AUTOUP_INTERVAL: '200ms', ...env },
  })
  await embedded.master.next('worker-ready')
  return { ...embedded, path, release: (next) => publish(path, embeddedRelease(next)) }
}

/** What its process was started as. */
function programOf({ pid }: Master): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
}

async function restarted(before: Fetching): Promise<Embedded> {
  expect(await before.master.stop()).toBe(0)
  const after = await before.again()
  await after.master.next('worker-ready')
  return after
}

const warnings = ({ events }: Master) => events.flatMap((event) => (event.type === 'warning' ? [event.message] : []))

test('Fetcher: serves as it is, then what is released, without a failed request; its next start is that of the release', async () => {
  const service = await fetching()
  const { master, ask, port } = service
  expect(await ask()).toMatchObject({ version: '1', generation: 1 })
  const load = await startLoad({ target: port, rate: 100 })
  for (const version of ['2', '3']) {
    const since = master.mark()
    service.release({ version })
    await master.next('build-committed', { since })
    await until('it serves', async () => (await ask()).version === version)
  }
  const report = await load.stop()
  expect(report.failed, summary(report)).toBe(0)
  expect((await master.status()).pid).toBe(master.pid)
  expect(programOf(master)).toContain('server.mjs')

  const after = await restarted(service)
  expect(programOf(after.master)).toContain(`/builds/${(await after.master.status()).current?.build}/tree/app`)
  expect(await after.ask()).toMatchObject({ version: '3' })
  // The pid of the process that was started is the master's for life.
  expect((await after.master.status()).pid).toBe(after.master.pid)
  expect(warnings(after.master)).toEqual([])
  const since = after.master.mark()
  service.release({ version: '4' })
  await after.master.next('build-committed', { since })
  await until('it serves', async () => (await after.ask()).version === '4')
})

describe('SanityCheck', () => {
  test.each(Object.entries(badBytes))('%s changes nothing', async (_, artifact) => {
    const { master, ask, path } = await fetching()
    const before = await ask()
    publish(path, artifact)
    await master.waitFor(({ type }) => type === 'build-refused' || type === 'build-quarantined', 'refusal')
    expect(await ask()).toEqual(before)
  })

  test.each([
    ['a program that ends', script('#!/bin/sh\nexit 0\n'), /ended with status 0 and did not say/],
    [
      'a server without autoup',
      directory(nodeServer({ version: '2', first: 'setTimeout(() => process.exit(3), 500)' })),
      /status \d and did not say that it is built with autoup/,
    ],
  ])('%s is never started as a worker', async (_, artifact, why) => {
    const { master, ask, path } = await fetching()
    const before = await ask()
    publish(path, artifact)
    expect(await master.next('build-quarantined')).toMatchObject({ reason: expect.stringMatching(why) })
    expect(await ask()).toEqual(before)
    expect(master.events.filter(({ type }) => type === 'worker-started')).toHaveLength(1)
  })
})

test('PreUpgrade: the program turns a build down by throwing, and is shown the file', async () => {
  const config = `preUpgrade: async (file, build) => {
    const text = (await import('node:fs')).readFileSync(file, 'utf8')
    if (/ VERSION\\d* = "2"/.test(text)) throw new Error('two is not for us: ' + build.id.slice(0, 7))
  },`
  const { master, ask, release } = await fetching({ config })
  release({ version: '2' })
  const reason = expect.stringMatching(/^preUpgrade turned it down: two is not for us: sha256-$/)
  expect(await master.next('build-quarantined')).toMatchObject({ reason })
  expect(await ask()).toMatchObject({ version: '1' })
  release({ version: '3' })
  await master.next('build-committed')
  await until('it serves', async () => (await ask()).version === '3')
})

test('NoRestart: what is released waits for the next start', async () => {
  const service = await fetching({ config: 'noRestart: true,' })
  const { master, ask } = service
  service.release({ version: '2', config: 'noRestart: true,' })
  await master.next('build-staged')
  expect((await master.status()).candidate).not.toBeNull()
  expect(await ask()).toMatchObject({ version: '1', generation: 1 })
  master.signal('SIGUSR2')
  expect(await master.exited).toBe(0)
  expect(master.events.filter(({ type }) => type === 'promotion-started')).toEqual([])
  const after = await service.again()
  await after.master.next('build-committed')
  await until('it serves', async () => (await after.ask()).version === '2')
})

test('NoRestartAfterFetch: what is released waits for the restart signal', async () => {
  const { master, ask, release } = await fetching({ config: 'noRestartAfterFetch: true,' })
  release({ version: '2' })
  await master.next('build-staged')
  expect(await ask()).toMatchObject({ version: '1', generation: 1 })
  expect(master.events.filter(({ type }) => type === 'promotion-started')).toEqual([])
  master.signal('SIGUSR2')
  await master.next('build-committed')
  await until('it serves', async () => (await ask()).version === '2')
})

test('MinFetchInterval: the source is asked each interval, or when the signal says so', async () => {
  const { master, ask, release } = await fetching({ config: "interval: '1h'," })
  // The first check, at the start: there is nothing.
  await master.next('check-finished')
  release({ version: '2' })
  const since = master.mark()
  master.signal('SIGUSR2')
  await master.next('build-committed', { since })
  await until('it serves', async () => (await ask()).version === '2')
})

test('a release whose code fails as a master does not take the service down', async () => {
  // As a worker it works, and it passes the check.
  const first =
    "if (!process.env.AUTOUP_PID && !process.env.AUTOUP_ROLE) { console.error('no good as a master'); process.exit(9) }"
  const service = await fetching()
  service.release({ version: '2', first })
  await service.master.next('build-committed')
  await service.master.stop()
  for (let start = 1; start <= 3; start++) {
    const { master } = await service.again()
    expect(await master.exited, master.story()).toBe(9)
  }
  const { master, ask } = await service.again()
  await master.next('worker-ready')
  expect(await ask()).toMatchObject({ version: '2' })
  expect(programOf(master)).toContain('server.mjs')
  expect(warnings(master)).toEqual([
    expect.stringMatching(/the installed program is the master .* came to nothing 3 times/),
  ])
  service.release({ version: '3' })
  await master.next('build-committed')
  expect(await master.stop()).toBe(0)
  // A new build is another chance.
  const last = await service.again()
  await last.master.next('worker-ready')
  expect(programOf(last.master)).toContain('/tree/app')
})

test('a script that was changed is the master again, of the build that is committed', async () => {
  const service = await fetching()
  service.release({ version: '2' })
  await service.master.next('build-committed')
  await service.master.stop()
  const changed = await service.again([process.execPath, embeddedScript({ version: '1.1' })])
  await changed.master.next('worker-ready')
  expect(programOf(changed.master)).toContain('server.mjs')
  expect(await changed.ask()).toMatchObject({ version: '2' })
})

test('the workers of a killed master serve on, and the next one takes over without a failed request', async () => {
  const service = await fetching()
  const load = await startLoad({ target: service.port, rate: 100 })
  const killed = async (before: Embedded): Promise<Embedded> => {
    await before.master.kill9()
    const next = await service.again()
    await next.master.next('orphans-found')
    await next.master.next('worker-ready')
    return next
  }
  const second = await killed(service)
  expect(programOf(second.master)).toContain('server.mjs')
  const since = second.master.mark()
  service.release({ version: '2' })
  await second.master.next('build-committed', { since })
  // This one has become the committed build by the time it looks for them.
  const third = await killed(second)
  expect(programOf(third.master)).toContain('/tree/app')
  await until('it serves', async () => (await third.ask()).generation === 1)
  const report = await load.stop()
  expect(report.failed, summary(report)).toBe(0)
  expect(report.versions['2']?.answered).toBeGreaterThan(0)
})
