import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  type Artifact,
  badBehaviour,
  badBytes,
  diesAt,
  nodeServer,
  notExecutable,
  script,
  withOwnPort,
  withPidFile,
} from '../support/builds.ts'
import { gate } from '../support/gate.ts'
import { summary } from '../support/load.ts'
import { said, temporaryDirectory } from '../support/master.ts'
import { freePort } from '../support/ports.ts'
import { BY_HAND, type Service, startService } from '../support/service.ts'

/** What the message must say, in plain words. */
const WORDS: Record<string, RegExp> = {
  'an empty file': /empty/,
  text: /not a program|text|neither/,
  'a truncated ELF': /truncated|cut|incomplete|beyond the end/,
  'an ELF cut within its header': /truncated|cut|incomplete|too short|header/,
  'a corrupt ELF': /corrupt|damaged|not a valid|class|unknown|no such/,
  'an ELF for another machine': /another machine|aarch64|arm64|x86[-_]64|x64|AArch64/i,
  'a build that exits at once': /exit(ed)?.*1/,
  'a build that exits 0 at once': /exit(ed)?.*0/,
  'a build that never gets ready': /not ready|not seen to serve/,
  'a build that binds the port itself': /itself|descriptor|inherit|EADDRINUSE|in use/,
  'a build that ignores descriptor 3': /descriptor|socket/,
}

/** The old build answers everything, the new one is held back, and the next good one is taken. */
async function refuses(service: Service, bad: Artifact, exitCode: number, words: RegExp): Promise<void> {
  const { master } = service
  const load = await service.load({ rate: 100, newShare: 0.8, keepAlive: 4 })
  service.publish(bad)
  const upgrade = await master.cli('upgrade')
  expect(upgrade, master.story()).toMatchObject({ code: exitCode })
  expect(upgrade.stderr).toMatch(words)
  const { quarantine, current } = await master.status()
  expect(quarantine).toHaveLength(1)
  expect(quarantine[0]!.reason).toMatch(words)
  expect(current!.build).not.toBe(quarantine[0]!.build)

  const promotions = () => master.events.filter(({ type }) => type === 'promotion-started').length
  const before = promotions()
  expect((await master.cli('upgrade')).code).not.toBe(7)
  expect(promotions(), 'the same file is not tried again').toBe(before)

  const report = await load.stop()
  expect(report.failed, summary(report)).toBe(0)
  expect(Object.keys(report.versions)).toEqual(['1'])

  service.publish(nodeServer({ version: '2' }))
  const corrected = await master.cli('upgrade')
  expect(corrected, corrected.stderr).toMatchObject({ code: 0 })
  expect(await service.ask()).toMatchObject({ version: '2' })
}

const QUICK = [...BY_HAND, '--ready-timeout', '2s']

describe('bytes that are no program for this machine are refused before they run', () => {
  test.each(Object.entries(badBytes))('%s', async (name, bad) => {
    const service = await startService({ args: QUICK })
    await refuses(service, bad, 5, WORDS[name]!)
    expect(service.master.events.filter(({ type }) => type === 'build-refused').length).toBeGreaterThan(0)
  })
})

test('a file that is not executable is refused once, and taken when that is mended', async () => {
  const service = await startService()
  const since = service.master.mark()
  service.publish(notExecutable({ version: '2' }))
  const refused = await service.master.next('build-refused', { since })
  expect(refused.reason).toMatch(/executable/)
  expect(await service.master.cli('upgrade')).toMatchObject({ code: 5, stderr: expect.stringMatching(/executable/) })
  expect(await service.ask()).toMatchObject({ version: '1' })
  chmodSync(service.path, 0o755)
  await service.master.next('build-committed', { since })
  expect(await service.ask()).toMatchObject({ version: '2' })
})

// Without the preload, which would make a worker of a Node server that binds its port itself.
describe('a program that does not prove itself is taken back', () => {
  test.each(Object.entries(badBehaviour))('%s', async (name, bad) => {
    await refuses(await startService({ args: [...QUICK, '--no-preload'] }), bad, 6, WORDS[name]!)
  })
})

test('a build that dies in probation is taken back; only what was in its hands may fail', async () => {
  const service = await startService({ args: [...BY_HAND, '--probation', '5s'] })
  const { master } = service
  const load = await service.load({ rate: 100, newShare: 1 })
  const door = gate()
  service.publish(diesAt(door))
  const upgrading = master.cli('upgrade')
  await load.waitFor((report) => report.versions.bad !== undefined, 'answer of the bad build')
  door.open()
  const upgrade = await upgrading
  expect(upgrade, master.story()).toMatchObject({ code: 6 })
  expect(upgrade.stderr).toMatch(/probation|died|exit/)
  expect(await service.ask()).toMatchObject({ version: '1' })
  const report = await load.stop()
  const [, hadInHand] = /^died with (\d+)$/m.exec(said(master)) ?? []
  expect(report.kinds.refused, summary(report)).toBe(0)
  expect(report.failed, summary(report)).toBeLessThanOrEqual(Number(hadInHand))
})

describe('a build whose probe fails in probation', () => {
  /** Healthy while `isHealthy`, an expression in which `n` counts the questions, says so. */
  const app = (version: string, isHealthy: string): Artifact =>
    script(`#!${process.execPath}
let n = 0
const answer = (url) => (url !== '/health' ? 200 : (n++, ${isHealthy}) ? 200 : 500)
require('node:http')
  .createServer(({ url }, response) => response.writeHead(answer(url)).end('{"version":"${version}"}'))
  .listen(process.env.TEST_PORT, '127.0.0.1')
`)
  const PROBED = [...BY_HAND, '--ready', 'http:/health', '--ready-timeout', '1s', '--probation', '3s']

  test('is taken back when the one before passes it, and nobody notices', async () => {
    const service = await startService({ args: PROBED, build: app('1', 'true') })
    const load = await service.load({ rate: 100, newShare: 1 })
    service.publish(app('2', 'n < 2'))
    const upgrade = await service.master.cli('upgrade')
    expect(upgrade, service.master.story()).toMatchObject({ code: 6 })
    expect(upgrade.stderr).toContain('its probe failed in probation: it answered GET /health with 500')
    const report = await load.stop()
    expect(report.failed, summary(report)).toBe(0)
    expect(Object.keys(report.versions).sort()).toEqual(['1', '2'])
    expect((await service.master.status()).quarantine).toHaveLength(1)
  })

  test('has no verdict when the one before fails it as well, and is tried again', async () => {
    const well = join(temporaryDirectory(), 'well')
    writeFileSync(well, '')
    const isWell = `require('node:fs').existsSync(${JSON.stringify(well)})`
    const service = await startService({ args: PROBED, build: app('1', isWell) })
    const { master } = service
    const since = master.mark()
    service.publish(app('2', isWell))
    master.signal('SIGUSR2')
    await master.next('promotion-ready', { since })
    rmSync(well)
    const { reason } = await master.next('promotion-failed', { since })
    expect(reason).toContain('the build before it fails as well')
    expect((await master.status()).quarantine).toEqual([])
    writeFileSync(well, '')
    expect(await master.next('build-committed', { since })).toMatchObject({ purpose: 'upgrade' })
  })
})

test('--again tries a quarantined build once, and is the only thing that does', async () => {
  const service = await startService({ args: QUICK })
  service.publish(badBehaviour['a build that exits at once']!)
  expect((await service.master.cli('upgrade')).code).toBe(6)
  const since = service.master.mark()
  service.master.signal('SIGUSR2')
  await service.master.next('settled', { since })
  const again = await service.master.cli('upgrade', '--again')
  expect(again).toMatchObject({ code: 6 })
  const tries = service.master.events
    .slice(since)
    .filter((event) => event.type === 'promotion-started' && event.purpose === 'upgrade')
  expect(tries).toHaveLength(1)
})

describe('two generations that want the same thing for themselves', () => {
  const remedy = /--listen|exclusive/

  test('a second port: the message names it, and what to do', async () => {
    const own = await freePort()
    const service = await startService({ args: QUICK, build: withOwnPort(own, '1') })
    service.publish(withOwnPort(own, '2'))
    const upgrade = await service.master.cli('upgrade')
    expect(upgrade, service.master.story()).toMatchObject({ code: 6 })
    expect(upgrade.stderr).toContain(String(own))
    expect(upgrade.stderr).toMatch(remedy)
    expect(await service.ask()).toMatchObject({ version: '1' })
  })

  test('a locked pid file: the message says what the program said, and what to do', async () => {
    const pidFile = `${temporaryDirectory()}/app.pid`
    const service = await startService({ args: QUICK, build: withPidFile(pidFile, '1') })
    service.publish(withPidFile(pidFile, '2'))
    const upgrade = await service.master.cli('upgrade')
    expect(upgrade, service.master.story()).toMatchObject({ code: 6 })
    expect(upgrade.stderr).toMatch(remedy)
    expect(await service.ask()).toMatchObject({ version: '1' })
  })

  test('with --strategy exclusive both work, and clients wait meanwhile', async () => {
    const own = await freePort()
    const service = await startService({ args: [...QUICK, '--strategy', 'exclusive'], build: withOwnPort(own, '1') })
    const load = await service.load({ rate: 50, newShare: 1 })
    service.publish(withOwnPort(own, '2'))
    const upgrade = await service.master.cli('upgrade')
    expect(upgrade, service.master.story()).toMatchObject({ code: 0 })
    const report = await load.stop()
    expect(report.failed, summary(report)).toBe(0)
    expect(report.versions['2']?.answered).toBeGreaterThan(0)
  })
})
