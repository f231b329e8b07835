/**
 * What facebookgo/grace promises, kept by autoup: the request that the old process has is answered beside the one that
 * the new process has, and a socket of systemd's is taken as it is.
 */

import { symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ask } from '../../support/ask.ts'
import { hold } from '../../support/held.ts'
import { startMaster, temporaryDirectory } from '../../support/master.ts'
import { type PlainApp, plainApp } from '../../support/plain-app.ts'
import { freePort } from '../../support/ports.ts'
import { isAlive, listenersOn } from '../../support/processes.ts'
import { needs } from '../../support/requirements.ts'
import { BY_HAND, startService } from '../../support/service.ts'
import { areGone, failsOver, leavesTheSocket, pidOf, swapTo } from '../../support/swap.ts'
import { until } from '../../support/until.ts'

const app = (version: string, more: PlainApp = {}) => plainApp({ version, ...more })

test('a long request on the old process and a short one on the new are both answered', async () => {
  const service = await startService({ build: app('1'), args: BY_HAND })
  const long = await hold(service.port)
  await swapTo(service, app('2'))
  expect(await service.ask()).toMatchObject({ version: '2' })
  expect(await long.finish()).toMatchObject({ version: '1' })
})

test('so it is with several servers, each on its own port', async () => {
  const [one, two] = [await freePort(), await freePort()]
  const doors = [
    { name: 'one', where: String(one) },
    { name: 'two', where: String(two) },
  ]
  const listen = [`127.0.0.1:${one}`, `127.0.0.1:${two}`]
  const service = await startService({ build: app('1', { doors }), args: BY_HAND, listen })
  const held = [await hold(one), await hold(two)] as const
  await swapTo(service, app('2', { doors }))
  expect(await ask(one)).toMatchObject({ version: '2', door: 'one' })
  expect(await ask(two)).toMatchObject({ version: '2', door: 'two' })
  expect(await held[0].finish()).toMatchObject({ version: '1', door: 'one' })
  expect(await held[1].finish()).toMatchObject({ version: '1', door: 'two' })
})

const activated = needs('systemd-socket-activate')

activated.test.each([
  ['127.0.0.1:PORT', '127.0.0.1:PORT'],
  ['0.0.0.0:PORT', 'PORT'],
  ['[::]:PORT', '0.0.0.0:PORT'],
])('under systemd-socket-activate -l %s, --listen %s is that socket, through a restart', async (theirs, ours) => {
  const port = String(await freePort())
  const path = join(temporaryDirectory(), 'app')
  // systemd-socket-activate passes nothing on of its environment.
  app('1', { doors: [{ name: 'http', where: port }] })(path)
  const master = await startMaster({
    through: ['systemd-socket-activate', '-l', theirs.replace('PORT', port)],
    args: ['--listen', ours.replace('PORT', port)],
    command: [path],
  })
  const [inode] = await until('it listens', () => {
    const found = listenersOn(Number(port))
    return found.length > 0 && found
  })
  // It starts its program when the first client connects.
  const first = await ask(Number(port))
  expect(await master.next('listening')).toMatchObject({ how: 'inherited' })
  const long = await hold(Number(port))
  master.signal('SIGUSR2')
  await master.next('promotion-ready')
  await leavesTheSocket(first.pid, Number(port))
  expect((await ask(Number(port))).pid).not.toBe(first.pid)
  expect(await long.finish()).toMatchObject({ pid: first.pid })
  expect(listenersOn(Number(port))).toEqual([inode])
})

test('what must be done before a start, and fails, keeps it from starting', async () => {
  const service = await startService({ build: app('1'), args: [...BY_HAND, '--preflight', '! grep -q forbidden app'] })
  expect(await failsOver(service, app('2', { last: '// forbidden' }))).toMatchObject({ code: 6 })
})

test('a restart follows the symlink to the program anew, from the directory where it all began', async () => {
  const folder = temporaryDirectory()
  app('1')(join(folder, 'one'))
  app('2')(join(folder, 'two'))
  symlinkSync('one', join(folder, 'current'))
  const port = await freePort()
  const master = await startMaster({
    args: ['--listen', `127.0.0.1:${port}`],
    command: ['./current'],
    cwd: folder,
    env: { TEST_PORT: String(port) },
  })
  await master.next('worker-ready')
  const first = await ask(port)
  unlinkSync(join(folder, 'current'))
  symlinkSync('two', join(folder, 'current'))
  master.signal('SIGUSR2')
  await areGone(first.pid)
  expect([first.version, (await ask(port)).version]).toEqual(['1', '2'])
})

test('the first TERM is graceful, the second one is not', async () => {
  const service = await startService({ build: app('1'), args: BY_HAND })
  const worker = await pidOf(service)
  const long = await hold(service.port)
  service.master.signal('SIGTERM')
  await service.master.next('worker-draining')
  expect(isAlive(worker)).toBe(true)
  service.master.signal('SIGTERM')
  await expect(long.whole).rejects.toThrow()
  await service.master.exited
  expect(isAlive(worker)).toBe(false)
})
