/**
 * What the Gin-API article promises, kept by autoup: a program that leaves its terminal for a session of its own and
 * appends to a log, is swapped by USR2, and finishes what is in flight.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ask } from '../../support/ask.ts'
import { publish } from '../../support/builds.ts'
import { daemon } from '../../support/daemon.ts'
import { hold } from '../../support/held.ts'
import { temporaryDirectory } from '../../support/master.ts'
import { plainApp } from '../../support/plain-app.ts'
import { freePort } from '../../support/ports.ts'
import { kill, readProcess } from '../../support/processes.ts'
import { areGone } from '../../support/swap.ts'
import { until } from '../../support/until.ts'

async function prepared() {
  const port = await freePort()
  const path = join(temporaryDirectory(), 'app')
  const app = (version: string) =>
    plainApp({ version, first: `console.log('[PID]', process.pid, 'version ${version}')` })
  publish(path, app('1'))
  const log = join(temporaryDirectory(), 'daemon.txt')
  const served = daemon({ env: { TEST_PORT: String(port) } })
  const words = ['--log-file', log, '--listen', `127.0.0.1:${port}`, '--interval', '1h', '--probation', '200ms']
  const start = () => served.start(...words, '--fetch', `file:${path}`)
  return {
    ...served,
    port,
    log: () => readFileSync(log, 'utf8'),
    start,
    release: (version: string) => publish(path, app(version)),
  }
}

/** tty_nr of proc_pid_stat(5); 0 is none. */
function terminalOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[4])
}

test('it has a session of its own and no terminal, and so has what it starts', async () => {
  const app = await prepared()
  expect(await app.start()).toMatchObject({ code: 0 })
  const [pid, worker] = [app.pid(), (await ask(app.port)).pid]
  expect([readProcess(pid)?.session, readProcess(worker)?.session]).toEqual([pid, worker])
  expect([terminalOf(pid), terminalOf(worker)]).toEqual([0, 0])
})

test('both outputs of each start are appended to its log', async () => {
  const app = await prepared()
  await app.start()
  const first = (await ask(app.port)).pid
  await app.cli('stop')
  await app.start()
  const second = (await ask(app.port)).pid
  expect(app.log().match(/^\[PID\] \d+ version 1$/gm)).toEqual([
    `[PID] ${first} version 1`,
    `[PID] ${second} version 1`,
  ])
})

test('USR2 swaps it, and the request in flight is finished by the old one', async () => {
  const app = await prepared()
  await app.start()
  const old = (await ask(app.port)).pid
  await until('the first is committed', () => app.log().includes('"build-committed"'))
  const held = await hold(app.port)
  const pid = app.pid()
  app.release('2')
  kill(pid, 'SIGUSR2')
  await until('the new one serves', async () => (await ask(app.port)).version === '2')
  expect(await held.finish()).toMatchObject({ version: '1', pid: old })
  await areGone(old)
  expect([app.pid(), existsSync(join(app.home, 'master.pid'))]).toEqual([pid, true])
  expect(app.log()).toContain('version 2')
})
