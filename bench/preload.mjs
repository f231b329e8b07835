/**
 * What the preload costs: an app that knows nothing of autoup, as it is under a master, against the same app bare. Both
 * answer the same closed loop in turn; which of them begins changes with every round. On a busy machine the throughput is
 * mostly noise; the time on the processor for each request is not.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { closedLoop } from './loads.mjs'
import { accepts, cpuMs, Master, scratch, spread, start, stop } from './support.mjs'

const MANAGED_PORT = 18_090
const BARE_PORT = 18_091

const APP = `
require('node:http')
  .createServer((_request, response) => response.end('Hello World'))
  .listen(Number(process.argv[2]), '127.0.0.1')
`

export async function preload(isLong) {
  const [rounds, seconds] = isLong ? [15, 5] : [7, 2]
  const directory = scratch()
  const app = join(directory, 'app.cjs')
  writeFileSync(app, APP)
  const listen = ['--listen', `127.0.0.1:${MANAGED_PORT}`]
  const service = new Master(directory, [...listen, '--', process.execPath, app, String(MANAGED_PORT)])
  const { pid } = await service.event('worker-ready')
  const bare = start(process.execPath, [app, String(BARE_PORT)], { stdio: 'ignore' })
  await accepts(BARE_PORT)
  const pids = new Map([
    [MANAGED_PORT, pid],
    [BARE_PORT, bare.pid],
  ])
  const rows = []
  for (const mode of ['keep', 'new']) {
    const ratios = []
    const cpuRatios = []
    for (let round = 0; round <= rounds; round++) {
      const speeds = new Map()
      const costs = new Map()
      const both = [MANAGED_PORT, BARE_PORT]
      for (const port of round % 2 ? both : both.reverse()) {
        const before = cpuMs(pids.get(port))
        const speed = await closedLoop(port, seconds, mode)
        speeds.set(port, speed)
        costs.set(port, (cpuMs(pids.get(port)) - before) / speed)
      }
      // The first round warms both up.
      if (round === 0) continue
      ratios.push(speeds.get(MANAGED_PORT) / speeds.get(BARE_PORT))
      cpuRatios.push(costs.get(BARE_PORT) / costs.get(MANAGED_PORT))
    }
    const how = mode === 'keep' ? 'keep-alive' : 'new connections'
    const row = (what, values) => ({ what, budget: '≥ 0.99', value: spread(values, 3), repetitions: rounds })
    rows.push(row(`throughput under the preload : bare, ${how}`, ratios))
    rows.push(row(`requests for each second of CPU, the same, ${how}`, cpuRatios))
  }
  await stop(bare)
  await service.stop()
  return rows
}
