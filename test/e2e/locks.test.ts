import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { said, startMaster, temporaryDirectory } from '../support/master.ts'
import { belongingTo, isAlive, kill } from '../support/processes.ts'
import { startService } from '../support/service.ts'
import { until } from '../support/until.ts'

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
