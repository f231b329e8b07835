import { join } from 'node:path'
import { expect } from 'vitest'
import { type Daemon, daemons, failuresOf } from '../support/daemons.ts'
import { startLoad, summary } from '../support/load.ts'
import { type Master, startMaster, temporaryDirectory } from '../support/master.ts'
import { freePort } from '../support/ports.ts'
import { needs } from '../support/requirements.ts'

const SWAPS = Number(process.env.AUTOUP_TEST_SWAPS ?? 2)

for (const daemon of daemons) {
  needs(daemon.name).test(`${daemon.name} serves, swaps without a failed new connection, and drains`, async () => {
    const port = await freePort()
    const command = daemon.prepare(join(temporaryDirectory(), 'd'), port)
    const args = ['--listen', `127.0.0.1:${port}`, '--probation', '300ms', '--drain-timeout', '20s']
    const master = await startMaster({ args, command })
    await served(master, 1)
    expect(await answering(daemon, port)).toBe(daemon.generation ? '1' : null)

    const load = await steadyLoad(daemon, port, master)
    for (let generation = 2; generation <= SWAPS + 1; generation++) {
      master.signal('SIGUSR2')
      await served(master, generation)
      const gone = await master.waitFor(
        (event) => event.type === 'worker-exited' && event.generation === generation - 1,
        `end of generation ${generation - 1}`,
      )
      expect(gone).toMatchObject({ expected: true })
    }
    const { failed, story } = await load.stop()
    expect(failed, `${story}; ${master.story()}`).toBe(0)
    expect(await answering(daemon, port)).toBe(daemon.generation ? String(SWAPS + 1) : null)
    expect(master.events.filter(({ type }) => type === 'worker-killed')).toEqual([])
    expect(await master.stop()).toBe(0)
  })
}

async function served(master: Master, generation: number): Promise<void> {
  await master.waitFor(
    (event) => event.type === 'worker-ready' && event.generation === generation,
    `ready worker of generation ${generation}`,
  )
}

/** The generation that answers, where the server can say it. */
async function answering(daemon: Daemon, port: number): Promise<string | null> {
  const answer = await daemon.ask(port)
  if (daemon.generation) return daemon.generation.exec(answer)?.[1] ?? answer
  expect(answer).toContain(`"server":"${daemon.name}"`)
  return null
}

interface Loaded {
  stop(): Promise<{ failed: number; story: string }>
}

/** New connections only. */
async function steadyLoad(daemon: Daemon, port: number, master: Master): Promise<Loaded> {
  if (daemon.name === 'php-fpm') return oneAfterTheOther(daemon, port)
  const load = await startLoad({ target: port, rate: 500, newShare: 1 })
  return {
    async stop() {
      const report = await load.stop()
      return { failed: failuresOf(daemon, report, master), story: summary(report) }
    },
  }
}

/** For what does not speak HTTP. */
function oneAfterTheOther(daemon: Daemon, port: number): Loaded {
  const failures: unknown[] = []
  let isOver = false
  const asking = (async () => {
    while (!isOver) await daemon.ask(port).catch((error) => failures.push(error))
  })()
  return {
    async stop() {
      isOver = true
      await asking
      return { failed: failures.length, story: failures.join('; ') }
    },
  }
}
