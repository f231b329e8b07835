import { join } from 'node:path'
import { expect } from 'vitest'
import { bareParent } from './bare.ts'
import { daemons } from './daemons.ts'
import { temporaryDirectory } from './master.ts'
import { freePort } from './ports.ts'
import { isAlive, kill } from './processes.ts'
import { needs } from './requirements.ts'
import { until } from './until.ts'

for (const daemon of daemons) {
  needs(daemon.name).test(`${daemon.name} serves on descriptor 3 and ends by its drain signal`, async () => {
    const port = await freePort()
    const command = daemon.prepare(join(temporaryDirectory(), 'd'), port)
    const added = { AUTOUP_GENERATION: '7', ...daemon.environment(port) }
    const words = Object.entries(added).map(([name, value]) => `${name}=${value}`)
    const pid = await bareParent(port).start(['/usr/bin/env', ...words, ...command])
    const answer = await daemon.ask(port)
    expect(answer).toMatch(daemon.generation ?? `"server":"${daemon.name}"`)
    kill(pid, daemon.drainSignal)
    await until(`${daemon.name} ended`, () => !isAlive(pid))
  })
}
