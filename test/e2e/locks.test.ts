import { spawn } from 'node:child_process'
import { cpSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Master, said, startMaster, temporaryDirectory } from '../support/master.ts'
import { onEnd } from '../support/on-end.ts'
import { belongingTo, isAlive, kill, readProcess } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { BY_HAND, startService } from '../support/service.ts'
import { until } from '../support/until.ts'

const NOBODY = 65_534

test('the second master of one name says who holds the lock and exits 1', async () => {
  const service = await startService()
  const second = await startMaster({ stateDir: service.master.stateDir, args: ['--fetch', `file:${service.path}`] })
  expect(await second.exited).toBe(1)
  expect(said(second)).toContain(String(service.master.pid))
  expect(await service.ask()).toMatchObject({ generation: 1 })
})

test('another name in the same state directory is another service', async () => {
  const service = await startService()
  const second = await startMaster({
    stateDir: service.master.stateDir,
    name: 'other',
    args: ['--fetch', `file:${service.path}`, '--ready', 'uptime:100ms'],
  })
  await second.next('worker-started')
  expect(await second.stop()).toBe(0)
  expect(await service.ask()).toMatchObject({ generation: 1 })
})

test('what a kill -9 leaves behind does not hinder the next start', async () => {
  const service = await startService()
  const { master } = service
  const pid = Number(readFileSync(join(master.home, 'master.pid'), 'utf8'))
  expect(pid).toBe(master.pid)
  await master.kill9()
  for (const worker of belongingTo(master.stateDir)) kill(worker.pid, 'SIGKILL')
  await until('nothing of it runs', () => belongingTo(master.stateDir).length === 0)
  const next = await service.again()
  expect(await next.ask()).toMatchObject({ version: '1' })
  expect(Number(readFileSync(join(master.home, 'master.pid'), 'utf8'))).toBe(next.master.pid)
  expect(await next.master.stop()).toBe(0)
})

test('who bears the mark of its workers, but shares its own terminal, is left alone', async () => {
  const stateDir = temporaryDirectory()
  const bystander = join(temporaryDirectory(), 'pid')
  const beside = `AUTOUP_STATE=${join(stateDir, 'app')} sleep 600 & echo $! > ${bystander}; exec "$@"`
  const master = await startMaster({
    stateDir,
    through: ['sh', '-c', beside, 'sh'],
    args: ['--ready', 'uptime:10ms'],
    command: ['sleep', '600'],
  })
  await master.next('worker-ready')
  expect(isAlive(Number(readFileSync(bystander, 'utf8')))).toBe(true)
  expect(await master.stop()).toBe(0)
})

needs('root').test('what another user writes into his environment keeps no master from starting', async () => {
  const stateDir = temporaryDirectory()
  const living = readProcess(process.pid)!
  const env = { AUTOUP_STATE: join(stateDir, 'app'), AUTOUP_MASTER: `${living.pid}:${living.startedAt}` }
  const other = spawn('/bin/sleep', ['600'], { uid: NOBODY, gid: NOBODY, detached: true, stdio: 'ignore', env })
  onEnd(() => other.kill('SIGKILL'))
  const master = await startMaster({ stateDir, args: ['--ready', 'uptime:10ms'], command: ['sleep', '600'] })
  await master.next('worker-ready')
  expect(master.events.filter(({ type }) => type === 'orphans-found')).toEqual([])
  expect(await master.stop()).toBe(0)
  expect(other.exitCode ?? other.signalCode).toBeNull()
})

describe('what a living master has is no orphan, though the lock does not say so', () => {
  test('its state directory was moved away: the second master says who still runs, and exits 1', async () => {
    const service = await startService({ args: BY_HAND })
    const { master } = service
    const { pid } = await service.ask()
    renameSync(master.home, `${master.home}.old`)
    const second = await startMaster({ stateDir: master.stateDir, args: ['--fetch', `file:${service.path}`] })
    expect(await second.exited).toBe(1)
    expect(said(second)).toContain(`was replaced under process ${master.pid}`)
    expect(await service.ask()).toMatchObject({ pid })
  })

  test('its store was copied: the master of the copy leaves the socket to it', async () => {
    const service = await startService({ args: BY_HAND })
    const { pid } = await service.ask()
    expect(
      await onCopy(service.master, ['--fetch', `file:${service.path}`, '--listen', `127.0.0.1:${service.port}`]),
    ).toBe(1)
    expect(await service.ask()).toMatchObject({ pid })
  })

  test('its store was copied while no worker holds the socket', async () => {
    const listen = ['--listen', '127.0.0.1:0', '--ready', 'uptime:50ms']
    const master = await startMaster({ args: listen, command: ['/bin/sh', '-c', 'exec 3<&-; exec sleep 3600'] })
    await master.next('worker-ready')
    expect(await onCopy(master, [...listen, '--no-respawn', '--', '/bin/true'])).not.toBe(null)
    expect(master.events.filter(({ type }) => type === 'master-stopping')).toEqual([])
    expect(await master.status()).toMatchObject({ workers: [{ state: 'ready' }] })
  })
})

/** Its exit status: it does not get as far as serving. */
async function onCopy(master: Master, args: string[]): Promise<number | NodeJS.Signals> {
  const stateDir = temporaryDirectory()
  cpSync(master.home, `${stateDir}/${master.name}`, { recursive: true, filter: (path) => !path.endsWith('.sock') })
  const second = await startMaster({ stateDir, name: master.name, args })
  return await second.exited
}
