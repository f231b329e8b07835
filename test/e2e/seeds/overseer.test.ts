/**
 * What overseer promises (its example.sh, its options and its order of things), kept by autoup: with a Node app that
 * knows nothing of it instead of a Go program that calls `overseer.Run`.
 */

import { createHash } from 'node:crypto'
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { ask, askText } from '../../support/ask.ts'
import { badBytes } from '../../support/builds.ts'
import { hold } from '../../support/held.ts'
import { autoup, startMaster, temporaryDirectory } from '../../support/master.ts'
import { type PlainApp, plainApp, plainText, TEST_PORT } from '../../support/plain-app.ts'
import { freePort } from '../../support/ports.ts'
import { isAlive } from '../../support/processes.ts'
import { BY_HAND, startService } from '../../support/service.ts'
import { areGone, failsOver, leavesTheSocket, pidOf, swapTo } from '../../support/swap.ts'

const app = (version: string, more: PlainApp = {}) => plainApp({ version, ...more })

test('v1 finishes what it has in flight while v2 serves, and the pid of the master stays', async () => {
  const service = await startService({ build: app('1'), args: BY_HAND })
  expect(await service.ask()).toMatchObject({ version: '1' })
  const slow = await hold(service.port)
  const old = await swapTo(service, app('2'))
  expect(await service.ask()).toMatchObject({ version: '2' })
  expect(isAlive(old)).toBe(true)
  expect(await slow.finish()).toMatchObject({ version: '1', pid: old })
  await areGone(old)
  expect((await service.master.status()).pid).toBe(service.master.pid)
})

describe('a bad artifact changes nothing', () => {
  test.each(['an empty file', 'text', 'a corrupt ELF'])('%s', async (name) => {
    const service = await startService({ build: app('1'), args: BY_HAND })
    expect(await failsOver(service, badBytes[name]!)).toMatchObject({ code: 5 })
    await swapTo(service, app('2'))
  })

  /** overseer runs the new binary for a token; here the operator says what is run, and what it must answer. */
  const TOKEN = ['--preflight', 'test "$(./app --token)" = right']
  const answers = (token: string): PlainApp => ({
    first: `if (process.argv[2] === '--token') { console.log(${JSON.stringify(token)}); process.exit() }`,
  })

  test('a program that answers its sanity check with the wrong token', async () => {
    const service = await startService({ build: app('1', answers('right')), args: [...BY_HAND, ...TOKEN] })
    const upgrade = await failsOver(service, app('2', answers('wrong')))
    expect(upgrade).toMatchObject({ code: 6, stderr: expect.stringMatching(/preflight/) })
    await swapTo(service, app('3', answers('right')))
  })

  test('one that PreUpgrade, here --preflight, does not like: it is never started', async () => {
    const args = [...BY_HAND, '--preflight', '! grep -q forbidden app']
    const service = await startService({ build: app('1'), args })
    const since = service.master.mark()
    expect(await failsOver(service, app('2', { last: '// forbidden' }))).toMatchObject({ code: 6 })
    expect(service.master.events.slice(since).filter(({ type }) => type === 'worker-started')).toEqual([])
    await swapTo(service, app('3'))
  })

  test('one whose PreUpgrade, with the path of it, answers with an error: --before-promote is told where it is', async () => {
    const command = '! grep -q forbidden "$AUTOUP_BUILD_DIR/app" || { echo it is forbidden; exit 1; }'
    const service = await startService({ build: app('1'), args: [...BY_HAND, '--before-promote', command] })
    const since = service.master.mark()
    const upgrade = await failsOver(service, app('2', { last: '// forbidden' }))
    expect(upgrade).toMatchObject({ code: 6, stderr: expect.stringMatching(/it is forbidden/) })
    expect(service.master.events.slice(since).filter(({ type }) => type === 'worker-started')).toEqual([])
    await swapTo(service, app('3'))
  })

  test('the same bytes put there again', async () => {
    const service = await startService({ build: app('1'), args: BY_HAND })
    const since = service.master.mark()
    expect(await failsOver(service, app('1'))).toMatchObject({ code: 0 })
    expect(service.master.events.slice(since).filter(({ type }) => type === 'promotion-started')).toEqual([])
  })
})

test('a worker that exits with 7 ends a master that is not to start it again, with 7', async () => {
  const path = join(temporaryDirectory(), 'server.js')
  plainApp({ doors: [], last: `require('node:http').createServer(() => process.exit(7)).listen(${TEST_PORT})` })(path)
  const port = await freePort()
  const master = await startMaster({
    args: ['--no-respawn', '--listen', `127.0.0.1:${port}`],
    command: ['node', path],
    env: { TEST_PORT: String(port) },
  })
  await master.next('worker-ready')
  await expect(askText(port)).rejects.toThrow()
  expect(await master.exited).toBe(7)
})

test('a worker that ignores its signal is killed at the drain timeout, overseer’s TerminateTimeout', async () => {
  const deaf = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1_000)"
  const args = [...BY_HAND, '--drain-timeout', '500ms']
  const service = await startService({ build: app('1', { first: deaf }), args })
  const old = await swapTo(service, app('2'))
  const killed = await service.master.next('worker-killed')
  expect(killed).toMatchObject({ pid: old, reason: expect.stringMatching(/drain timeout/) })
  await areGone(old)
  expect(await service.ask()).toMatchObject({ version: '2' })
})

test('where overseer has NoRestart, TERM is the signal: what is in flight is answered, and all ends with 0', async () => {
  const service = await startService({ build: app('1'), args: BY_HAND })
  const slow = await hold(service.port)
  const worker = await pidOf(service)
  service.master.signal('SIGTERM')
  await service.master.next('worker-draining')
  expect(await slow.finish()).toMatchObject({ version: '1', pid: worker })
  expect(await service.master.exited).toBe(0)
  expect(isAlive(worker)).toBe(false)
})

test('where overseer has NoRestartAfterFetch, a pause: what comes is fetched and waits for the operator', async () => {
  const service = await startService({ build: app('1') })
  expect(await service.master.cli('pause')).toMatchObject({ code: 0 })
  const since = service.master.mark()
  service.publish(app('2'))
  await service.master.next('build-staged', { since })
  const { pid: old } = await service.ask()
  expect(await pidOf(service)).toBe(old)
  expect(await service.master.cli('upgrade')).toMatchObject({ code: 0 })
  await leavesTheSocket(old, service.port)
  expect(await service.ask()).toMatchObject({ version: '2' })
})

test('the first fetch comes before the first worker', async () => {
  const path = join(temporaryDirectory(), 'app')
  const port = await freePort()
  const master = await startMaster({
    args: ['--fetch', `file:${path}`, '--interval', '100ms', '--probation', '0s', '--listen', `127.0.0.1:${port}`],
    env: { TEST_PORT: String(port) },
  })
  await master.next('check-finished')
  expect((await master.status()).workers).toEqual([])
  app('1')(path)
  await master.next('worker-ready')
  expect(await ask(port)).toMatchObject({ version: '1' })
  const order = master.events.map(({ type }) => type)
  expect(order.indexOf('build-staged')).toBeLessThan(order.indexOf('worker-started'))
})

test('a file is not taken while somebody writes it', async () => {
  const service = await startService({ build: app('1'), args: BY_HAND })
  let writer = -1
  service.publish((path) => {
    app('2')(path)
    writer = openSync(path, 'r+')
  })
  await service.master.cli('upgrade')
  expect(await service.ask()).toMatchObject({ version: '1' })
  closeSync(writer)
  expect(await service.master.cli('upgrade')).toMatchObject({ code: 0 })
  expect(await service.ask()).toMatchObject({ version: '2' })
})

test('a .gz is unpacked', async () => {
  const gz = (version: string) => (path: string) => writeFileSync(path, gzipSync(plainText({ version })))
  const service = await startService({ file: 'app.gz', build: gz('1'), args: BY_HAND })
  await swapTo(service, gz('2'))
  expect(await service.ask()).toMatchObject({ version: '2' })
})

test('a worker knows what overseer’s State tells: its id, its file, its sockets', async () => {
  const told = "require('node:fs').writeFileSync(process.env.AUTOUP_DATA_DIR + '/told', JSON.stringify(process.env));"
  const service = await startService({ build: app('1', { last: told }), args: BY_HAND })
  const env = JSON.parse(readFileSync(join(service.master.home, 'data', 'told'), 'utf8')) as Record<string, string>
  const bytes = readFileSync(service.path)
  expect(env.AUTOUP_BUILD).toBe(`sha256-${createHash('sha256').update(bytes).digest('hex')}`)
  expect(readFileSync(join(env.AUTOUP_BUILD_DIR!, 'app'))).toEqual(bytes)
  expect(env).toMatchObject({ AUTOUP_NAME: 'app', AUTOUP_GENERATION: '1' })
})

test('the master may be killed, and the worker, which overseer would end, serves on', async () => {
  const service = await startService({ build: app('1'), args: BY_HAND })
  const worker = await pidOf(service)
  await service.master.kill9()
  expect(await service.ask()).toMatchObject({ version: '1', pid: worker })
})

test('a source may not be asked without a pause, as with MinFetchInterval', async () => {
  const path = join(temporaryDirectory(), 'app')
  app('1')(path)
  const run = await autoup(['run', '--fetch', `file:${path}`, '--interval', '1ms', '--state-dir', temporaryDirectory()])
  expect(run).toMatchObject({ code: 2, stderr: expect.stringMatching(/too short: the least is 100ms/) })
  expect(existsSync(path)).toBe(true)
})
