/**
 * What endless promises, kept by autoup: several ports of one program, one of them with TLS, handed over together and
 * each to its own; and a request that hangs is cut at the hammer time, here the drain timeout.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ask } from '../../support/ask.ts'
import { badBehaviour } from '../../support/builds.ts'
import { gate, PATIENT } from '../../support/gate.ts'
import { askTls, hold } from '../../support/held.ts'
import { temporaryDirectory } from '../../support/master.ts'
import { type Door, type PlainApp, plainApp } from '../../support/plain-app.ts'
import { freePort } from '../../support/ports.ts'
import { isAlive } from '../../support/processes.ts'
import { needs } from '../../support/requirements.ts'
import { BY_HAND, type Service, startService } from '../../support/service.ts'
import { areGone, failsOver, leavesTheSocket, pidOf, swapTo } from '../../support/swap.ts'
import { until } from '../../support/until.ts'
import { authority, certificate } from '../../support/web.ts'

const app = (version: string, more: PlainApp = {}) => plainApp({ version, ...more })

needs('openssl').describe('two ports and one with TLS', () => {
  interface Three extends Service {
    readonly one: number
    readonly two: number
    readonly secure: number
    readonly ca: string
    readonly doors: readonly Door[]
  }

  async function startThree(): Promise<Three> {
    const [one, two, secure] = [await freePort(), await freePort(), await freePort()]
    const { key, cert } = certificate()
    const doors = [
      { name: 'one', where: String(one) },
      { name: 'two', where: String(two) },
      { name: 'secure', where: String(secure), tls: { key: String(key), cert: String(cert) } },
    ]
    const listen = [`one=127.0.0.1:${one}`, `two=127.0.0.1:${two}`, `secure=127.0.0.1:${secure}`]
    const service = await startService({ build: app('1', { doors }), args: BY_HAND, listen })
    return { ...service, one, two, secure, ca: authority().pem, doors }
  }

  async function answers({ one, two, secure, ca }: Three): Promise<string[]> {
    const all = [await ask(one), await ask(two), await askTls(secure, ca)]
    return all.map(({ version, ...answer }) => `${version} ${'door' in answer ? answer.door : ''}`)
  }

  test('a request in flight on each is finished by the old, and the new has them all', async () => {
    const three = await startThree()
    expect(await answers(three)).toEqual(['1 one', '1 two', '1 secure'])
    const held = [await hold(three.one), await hold(three.two), await hold(three.secure, { ca: three.ca })]
    await swapTo(three, app('2', { doors: three.doors }))
    expect(await answers(three)).toEqual(['2 one', '2 two', '2 secure'])
    for (const each of held) expect(await each.finish()).toMatchObject({ version: '1' })
  })

  test('each keeps its own where the new version opens them in another order', async () => {
    const three = await startThree()
    await swapTo(three, app('2', { doors: three.doors.toReversed() }))
    expect(await answers(three)).toEqual(['2 one', '2 two', '2 secure'])
  })
})

describe('a request that hangs', () => {
  test('is cut at the hammer time, and not before its turn', async () => {
    const service = await startService({ build: app('1'), args: [...BY_HAND, '--drain-timeout', '1s'] })
    const hanging = await hold(service.port)
    const old = await swapTo(service, app('2'))
    await expect(hanging.whole).rejects.toThrow()
    await areGone(old)
    const [asked, gone] = [await service.master.next('worker-draining'), await service.master.next('worker-exited')]
    expect([asked.pid, gone.pid]).toEqual([old, old])
    // A worker with the preload goes a moment before it would be killed.
    expect(Date.parse(gone.at) - Date.parse(asked.at), 'it has had its time').toBeGreaterThanOrEqual(900)
    expect(await service.ask()).toMatchObject({ version: '2' })
  })

  test('is cut at once when the operator will not wait: the second TERM, endless’ USR2', async () => {
    const service = await startService({ build: app('1'), args: BY_HAND })
    const worker = await pidOf(service)
    const hanging = await hold(service.port)
    service.master.signal('SIGTERM')
    await service.master.next('worker-draining')
    expect(isAlive(worker)).toBe(true)
    service.master.signal('SIGTERM')
    await expect(hanging.whole).rejects.toThrow()
    await service.master.exited
    expect(isAlive(worker)).toBe(false)
  })
})

test('a new process that fails is no end of all upgrades: endless forks once in its life', async () => {
  const service = await startService({ build: app('1'), args: BY_HAND })
  expect(await failsOver(service, badBehaviour['a build that exits at once']!)).toMatchObject({ code: 6 })
  await swapTo(service, app('2'))
  expect(await failsOver(service, badBehaviour['a build that exits 0 at once']!)).toMatchObject({ code: 6 })
  await swapTo(service, app('3'))
  expect(await service.ask()).toMatchObject({ version: '3' })
})

test('hooks come in order: before, the action itself, after', async () => {
  const file = join(temporaryDirectory(), 'order')
  const note = (what: string): string => `echo "${what} $AUTOUP_GENERATION" >> ${file}`
  const starts = (version: string): PlainApp => ({
    version,
    first: `require('node:fs').appendFileSync(${JSON.stringify(file)}, 'start ' + process.env.AUTOUP_GENERATION + '\\n')`,
  })
  const hooks = ['--before-promote', note('before'), '--after-commit', note('after')]
  const service = await startService({ build: plainApp(starts('1')), args: [...BY_HAND, ...hooks] })
  await swapTo(service, plainApp(starts('2')))
  const order = () => readFileSync(file, 'utf8').trim().split('\n')
  await until('the last hook has run', () => order().length === 6)
  expect(order()).toEqual(['before 1', 'start 1', 'after 1', 'before 2', 'start 2', 'after 2'])
})

test('the old process is asked to end when the new one serves, and not when it has the socket', async () => {
  const service = await startService({ build: app('1'), args: [...BY_HAND, ...PATIENT] })
  const old = await pidOf(service)
  const since = service.master.mark()
  const door = gate()
  service.publish(app('2', { waitsFor: door.opened }))
  // It has its descriptor and its event loop runs, and it is far from serving.
  await service.master.cli('upgrade', '--no-wait')
  await service.master.next('worker-started', { since })
  expect(await service.master.cli('upgrade', '--timeout', '1s'), 'no verdict yet').toMatchObject({ code: 7 })
  const soFar = service.master.events.slice(since, service.master.mark()).map(({ type }) => type)
  expect(soFar).not.toContain('worker-draining')
  expect(await service.ask()).toMatchObject({ version: '1', pid: old })
  door.open()
  expect(await service.master.cli('upgrade')).toMatchObject({ code: 0 })
  await leavesTheSocket(old, service.port)
  const order = service.master.events.slice(since).map(({ type }) => type)
  expect(order.indexOf('worker-draining')).toBeGreaterThan(order.indexOf('worker-ready'))
})
