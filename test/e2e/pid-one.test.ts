import { join } from 'node:path'
import { expect } from 'vitest'
import { ask, askText } from '../support/ask.ts'
import { script } from '../support/builds.ts'
import { type PidOne, signalPidOne, startAsPidOne } from '../support/faults-pid-one.ts'
import { DOUBLE_FORK_READY, DRAINS, LEAVES_ORPHANS } from '../support/faults-workers.ts'
import { hold } from '../support/held.ts'
import { temporaryDirectory } from '../support/master.ts'
import { freePort } from '../support/ports.ts'
import { isAlive } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { until } from '../support/until.ts'

const suite = needs('root', 'unshare', 'python3')

async function serve(text: string): Promise<{ master: PidOne; port: number }> {
  const port = await freePort()
  const app = join(temporaryDirectory(), 'app')
  script(text)(app)
  const master = await startAsPidOne(['--listen', `127.0.0.1:${port}`], [app])
  expect(await master.next('master-started')).toMatchObject({ pid: 1 })
  await master.next('worker-ready')
  return { master, port }
}

suite.test('as pid 1 it reaps what workers leave behind, and no more than that', async () => {
  const { master, port } = await serve(LEAVES_ORPHANS)
  const { pid } = await ask(port)
  for (let count = 0; count < 5; count++) await askText(port, '/orphan')
  await until('orphans have come to it', () => master.descendants().some(({ name }) => name === 'sleep'))
  const left = await until('every orphan is reaped', () => {
    const all = master.descendants()
    return all.length === 1 ? all : null
  })
  expect(left).toMatchObject([{ parent: master.pid, state: expect.not.stringMatching('Z') }])
  expect(await ask(port)).toMatchObject({ pid })
  expect(master.events.map(({ type }) => type)).not.toContain('worker-exited')
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  suite.test(`${signal} stops it: what is in flight is finished, and the namespace ends with 0`, async () => {
    const { master, port } = await serve(DOUBLE_FORK_READY)
    const held = await hold(port)
    signalPidOne(master, signal)
    await until('it drains', () => master.output.includes(DRAINS))
    expect(await held.finish()).toMatchObject({ version: '1' })
    expect(await master.exited).toBe(0)
    expect(master.events.at(-1)).toMatchObject({ type: 'master-stopped' })
    expect(isAlive(master.pid)).toBe(false)
  })
}
