/**
 * What godaemon promises, kept by autoup: start, restart and stop of a program in the background with their
 * messages, a restart that loses no request, and a pid file that stands in nobody's way.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ask } from '../../support/ask.ts'
import { publish } from '../../support/builds.ts'
import { daemon } from '../../support/daemon.ts'
import { hold } from '../../support/held.ts'
import { startLoad, summary } from '../../support/load.ts'
import { autoup, temporaryDirectory } from '../../support/master.ts'
import { plainApp } from '../../support/plain-app.ts'
import { freePort } from '../../support/ports.ts'
import { isAlive, kill, readProcess } from '../../support/processes.ts'
import { areGone } from '../../support/swap.ts'
import { until } from '../../support/until.ts'

async function prepared() {
  const port = await freePort()
  const path = join(temporaryDirectory(), 'app')
  publish(path, plainApp())
  const app = daemon({ env: { TEST_PORT: String(port) } })
  const start = () => app.start('--listen', `127.0.0.1:${port}`, '--', path)
  return { ...app, path, port, start }
}

test('the four commands and what they say', async () => {
  const app = await prepared()
  expect((await autoup(['start', '-h'])).stdout).toContain('Usage: autoup start')
  const started = await app.start()
  const pid = app.pid()
  expect(started).toMatchObject({ code: 0, stderr: expect.stringMatching(`^app is ready, pid ${pid};`) })
  expect(await app.start()).toMatchObject({ code: 0, stderr: `app is running, pid ${pid}\n` })
  expect(await app.cli('restart')).toMatchObject({ code: 0, stderr: 'app: the command was restarted\n' })
  expect(await app.cli('stop')).toMatchObject({ code: 0, stderr: 'app: stopped\n' })
  for (const command of ['restart', 'stop']) {
    expect(await app.cli(command)).toMatchObject({ code: 3, stderr: expect.stringContaining("'app' is not running") })
  }
})

test('a restart loses no request, keeps the pid of the master, and finishes what is in flight', async () => {
  const app = await prepared()
  await app.start()
  const pid = app.pid()
  const load = await startLoad({ target: app.port, rate: 200 })
  const held = await hold(app.port)
  publish(app.path, plainApp({ version: '2' }))
  expect(await app.cli('restart')).toMatchObject({ code: 0 })
  await load.waitFor(({ versions }) => (versions['2']?.answered ?? 0) > 50, 'the new version')
  expect(await held.finish()).toMatchObject({ version: '1' })
  const report = await load.stop()
  expect(report.failed, summary(report)).toBe(0)
  expect(app.pid()).toBe(pid)
})

test('a stop answers what is in flight, and ends with 0', async () => {
  const app = await prepared()
  await app.start()
  const pid = app.pid()
  const held = await hold(app.port)
  const stopped = app.cli('stop')
  await until('it drains', () => app.events().some(({ type }) => type === 'worker-draining'))
  expect(await held.finish()).toMatchObject({ version: '1' })
  expect(await stopped).toMatchObject({ code: 0 })
  expect([isAlive(pid), existsSync(join(app.home, 'master.pid'))]).toEqual([false, false])
})

test('the pid file of a process that is gone, or of a stranger, does not block a start; no digit of it stays', async () => {
  const app = await prepared()
  await app.start()
  const [killed, worker] = [app.pid(), (await ask(app.port)).pid]
  for (const pid of [killed, worker]) kill(pid, 'SIGKILL')
  await areGone(killed, worker)
  const file = join(app.home, 'master.pid')
  // As godaemon would leave 12345 behind a shorter pid, and as a pid that somebody else has by now.
  for (const stale of ['999999999999\n', `${process.pid}\n`]) {
    writeFileSync(file, stale)
    expect(await app.start()).toMatchObject({ code: 0 })
    expect(readFileSync(file, 'utf8')).toBe(`${app.pid()}\n`)
    expect(readProcess(app.pid())?.session).toBe(app.pid())
    await app.cli('stop')
  }
  expect(isAlive(process.pid)).toBe(true)
})
