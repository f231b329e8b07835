/** The operator's own commands around a promotion: what they are told, what they can stop, and what they cannot. */

import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Stamped } from '../../src/core/events.ts'
import { badBehaviour } from '../support/builds.ts'
import { autoup, temporaryDirectory } from '../support/master.ts'
import { plainApp } from '../support/plain-app.ts'
import { isAlive } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { BY_HAND, startService } from '../support/service.ts'
import { areGone, failsOver, swapTo } from '../support/swap.ts'
import { until } from '../support/until.ts'

const app = (version: string) => plainApp({ version })

/** A command that appends its environment and its stdin to a file, as one line. */
function recorder(): { readonly command: string; lines(): Record<string, string>[] } {
  const folder = temporaryDirectory()
  const [file, script] = [join(folder, 'told'), join(folder, 'hook.cjs')]
  chmodSync(folder, 0o777)
  writeFileSync(
    script,
    `const { readFileSync, appendFileSync, readlinkSync, readdirSync } = require('node:fs')
const sockets = readdirSync('/proc/self/fd').filter((fd) => { try { return readlinkSync('/proc/self/fd/' + fd).startsWith('socket:') && Number(fd) > 2 } catch { return false } })
const told = { ...process.env, stdin: readFileSync(0, 'utf8'), uid: String(process.getuid()), sockets: sockets.join() }
appendFileSync(${JSON.stringify(file)}, JSON.stringify(told) + '\\n')`,
  )
  const lines = () =>
    existsSync(file)
      ? readFileSync(file, 'utf8')
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line) as Record<string, string>)
      : []
  return { command: `'${process.execPath}' '${script}'`, lines }
}

const all = (command: string) => ['--before-promote', command, '--after-commit', command, '--after-rollback', command]

const names = (lines: Record<string, string>[]) =>
  lines.map(({ AUTOUP_HOOK, AUTOUP_EVENT }) => `${AUTOUP_HOOK} ${AUTOUP_EVENT}`)

test('a promotion is asked for, and its end is told: as JSON on stdin and in the environment', async () => {
  const told = recorder()
  const service = await startService({ build: app('1'), args: [...BY_HAND, ...all(told.command)] })
  await until('both have run', () => told.lines().length === 2)
  const [before, after] = told.lines()
  expect(names(told.lines())).toEqual(['before-promote promotion-started', 'after-commit build-committed'])
  const { current } = await service.master.status()
  for (const each of [before!, after!]) {
    const event = JSON.parse(each.stdin!) as Stamped
    expect(service.master.events).toContainEqual(event)
    const id = current!.build
    expect(each).toMatchObject({
      AUTOUP_NAME: 'app',
      AUTOUP_BUILD: id,
      AUTOUP_VERSION: current!.version,
      AUTOUP_PURPOSE: 'upgrade',
      AUTOUP_GENERATION: '1',
      AUTOUP_BUILD_DIR: join(service.master.home, 'builds', id, 'tree'),
      sockets: '',
    })
  }
})

test('a build that fails, and a rollback by hand, end in after-rollback, with the reason', async () => {
  const told = recorder()
  const service = await startService({ build: app('1'), args: [...BY_HAND, ...all(told.command)] })
  expect(await failsOver(service, badBehaviour['a build that exits at once']!)).toMatchObject({ code: 6 })
  await swapTo(service, app('3'))
  expect(await service.master.cli('rollback')).toMatchObject({ code: 0 })
  expect(await service.master.cli('restart')).toMatchObject({ code: 0 })
  await until('all have run', () => told.lines().length === 7)
  const lines = told.lines()
  expect(names(lines.slice(2))).toEqual([
    'before-promote promotion-started',
    'after-rollback promotion-failed',
    'before-promote promotion-started',
    'after-commit build-committed',
    'after-rollback build-committed',
  ])
  expect(lines[3]!.AUTOUP_REASON).toMatch(/^exited with/)
  expect(lines[6]).toMatchObject({ AUTOUP_PURPOSE: 'rollback' })
})

test('what is told late, since the hook before it took long, is of its own promotion', async () => {
  const told = recorder()
  const gate = join(temporaryDirectory(), 'open')
  const command = `until test -e ${gate}; do sleep 0.02; done; ${told.command}`
  const service = await startService({ build: app('1'), args: [...BY_HAND, '--after-commit', command] })
  await swapTo(service, app('2'))
  await swapTo(service, app('3'))
  writeFileSync(gate, '')
  await until('all have run', () => told.lines().length === 3)
  expect(told.lines().map(({ AUTOUP_GENERATION }) => AUTOUP_GENERATION)).toEqual(['1', '2', '3'])
})

describe('a hook before that says no', () => {
  test('stops the promotion, with its status and its last line; --again asks it again', async () => {
    const switchFile = join(temporaryDirectory(), 'no')
    const command = `! test -e ${switchFile} || { echo one; echo 'not on a friday'; exit 3; }`
    const service = await startService({ build: app('1'), args: [...BY_HAND, '--before-promote', command] })
    writeFileSync(switchFile, '')
    const since = service.master.mark()
    const upgrade = await failsOver(service, app('2'))
    expect(upgrade).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(/^one\nnot on a friday\n.*before-promote: .* ended with status 3: not on a friday/),
    })
    const said = service.master.events.slice(since).find(({ type }) => type === 'hook-failed')
    expect(said).toMatchObject({ hook: 'before-promote', output: ['one', 'not on a friday'] })
    expect(service.master.events.slice(since).map(({ type }) => type)).not.toContain('worker-started')
    const [held] = (await service.master.status()).quarantine
    expect(held?.reason).toMatch(/not on a friday/)
    writeFileSync(switchFile, '')
    expect(await service.master.cli('upgrade', '--again')).toMatchObject({ code: 6 })
  })

  test('by not ending: it is killed with all that it has started, and the promotion fails', async () => {
    const pids = join(temporaryDirectory(), 'pids')
    const hang = `test $AUTOUP_GENERATION = 1 || { sleep 1000 & echo $$ $! > ${pids}; echo asks; wait; }`
    const args = [...BY_HAND, '--before-promote', hang, '--hook-timeout', '700ms']
    const service = await startService({ build: app('1'), args })
    const upgrade = await failsOver(service, app('2'))
    expect(upgrade).toMatchObject({ code: 6, stderr: expect.stringMatching(/did not end within 700 ?ms: asks/) })
    await areGone(...readFileSync(pids, 'utf8').trim().split(' ').map(Number))
  })

  test('is ended when the operator calls the promotion off', async () => {
    const pids = join(temporaryDirectory(), 'pids')
    const hang = `test $AUTOUP_GENERATION != 2 || { echo $$ > ${pids}; sleep 1000; }`
    const service = await startService({ build: app('1'), args: [...BY_HAND, '--before-promote', hang] })
    service.publish(app('2'))
    await service.master.cli('upgrade', '--no-wait')
    await until('it runs', () => existsSync(pids) && readFileSync(pids, 'utf8').endsWith('\n'))
    expect(await service.master.cli('rollback')).toMatchObject({ code: 0 })
    await areGone(Number(readFileSync(pids, 'utf8')))
    await swapTo(service, app('3'))
  })
})

test('a hook after that fails is reported, and changes nothing', async () => {
  const args = [...BY_HAND, '--after-commit', 'echo no such channel >&2; exit 4']
  const service = await startService({ build: app('1'), args })
  const failed = await service.master.next('hook-failed')
  expect(failed).toMatchObject({ hook: 'after-commit', reason: expect.stringMatching(/status 4: no such channel/) })
  await swapTo(service, app('2'))
  expect(await service.ask()).toMatchObject({ version: '2' })
})

test('a stop does not wait for a hook after', async () => {
  const pid = join(temporaryDirectory(), 'pid')
  const args = [...BY_HAND, '--hook-timeout', '1h', '--after-commit', `echo $$ > ${pid}; sleep 4000`]
  const service = await startService({ build: app('1'), args })
  await until('it runs', () => existsSync(pid) && readFileSync(pid, 'utf8').endsWith('\n'))
  expect(await service.master.stop()).toBe(0)
  expect(isAlive(Number(readFileSync(pid, 'utf8')))).toBe(false)
})

test('a hook that reads nothing of a long event is no trouble', async () => {
  const service = await startService({ build: app('1'), args: [...BY_HAND, '--before-promote', 'exec 0<&-; true'] })
  await swapTo(service, app('2'))
})

needs('root').test('hooks run as the user of the workers', async () => {
  const told = recorder()
  const args = [...BY_HAND, '--user', 'nobody', '--before-promote', told.command, '--after-commit', told.command]
  const stateDir = temporaryDirectory()
  chmodSync(stateDir, 0o755)
  await startService({ build: app('1'), args, cwd: '/', stateDir })
  await until('both have run', () => told.lines().length === 2)
  expect(new Set(told.lines().map(({ uid }) => uid))).toEqual(new Set(['65534']))
})

test('without a source there is nothing to promote, so a hook is a mistake', async () => {
  const run = await autoup(['run', '--before-promote', 'true', '--', 'sleep', '1'])
  expect(run).toMatchObject({ code: 2, stderr: expect.stringMatching(/--before-promote is about a release source/) })
})
