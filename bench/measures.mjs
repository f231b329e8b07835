/** One entry per budget of the design. Each starts what it needs and ends it. */

import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { closedLoop, openLoop } from './loads.mjs'
import { preload } from './preload.mjs'
import { reload } from './reload.mjs'
import {
  AUTOUP,
  accepts,
  cpuMs,
  endedChildrenCpuMs,
  Master,
  publish,
  ROOT,
  rssMiB,
  run,
  scratch,
  spread,
  start,
  stop,
  WORKER,
} from './support.mjs'

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

export const measures = [
  { name: 'upgrades', run: upgrades },
  { name: 'throughput', run: throughput },
  { name: 'preload', run: preload },
  { name: 'swap', run: swap },
  { name: 'master', run: master },
  { name: 'checks', run: checks },
  { name: 'status', run: status },
  { name: 'stage', run: stage },
  { name: 'reload', run: reload },
]

/** Open loop of 1 000 requests a second, half of them on kept connections, no retry, through upgrade after upgrade. */
async function upgrades(isLong) {
  const count = isLong ? 1_000 : 20
  const directory = scratch()
  const release = join(directory, 'server.mjs')
  publish(release, '0')
  const service = new Master(directory, [
    '--fetch',
    `file:${release}`,
    '--listen',
    '127.0.0.1:0',
    '--probation',
    '0',
    '--interval',
    '1h',
  ])
  const port = portOf(await service.event('listening'))
  await service.event('build-committed')
  const load = openLoop(port, 1_000)
  const startedAt = performance.now()
  for (let upgrade = 1; upgrade <= count; upgrade++) {
    publish(release, String(upgrade))
    const since = service.last
    if ((await cli(directory, 'upgrade')) !== 0) throw new Error('an upgrade failed')
    await service.event('worker-exited', since)
  }
  const seconds = (performance.now() - startedAt) / 1_000
  const { sent, failed, slowestMs } = await load.stop()
  await service.stop()
  const value = `${failed} of ${sent}; slowest ${slowestMs.toFixed(0)} ms; ${seconds.toFixed(0)} s`
  return [
    { what: `failed requests, ${count} upgrades under 1 000 requests a second`, budget: '0', value, repetitions: 1 },
  ]
}

/** The same worker under a master and bare, in turn. */
async function throughput(isLong) {
  const rounds = isLong ? 9 : 5
  const seconds = isLong ? 5 : 2
  const directory = scratch()
  const service = new Master(directory, ['--listen', '127.0.0.1:0', '--', process.execPath, WORKER])
  const managed = portOf(await service.event('listening'))
  await service.event('worker-ready')
  const barePort = managed === 18_080 ? 18_081 : 18_080
  const bare = start(process.execPath, [WORKER], { env: { ...process.env, PORT: String(barePort) }, stdio: 'ignore' })
  await accepts(barePort)
  const rows = []
  for (const mode of ['keep', 'new']) {
    const ratios = []
    for (let round = 0; round <= rounds; round++) {
      const pair = round % 2 ? [managed, barePort] : [barePort, managed]
      const speeds = new Map()
      for (const port of pair) speeds.set(port, await closedLoop(port, seconds, mode))
      // The first round warms both up.
      if (round > 0) ratios.push(speeds.get(managed) / speeds.get(barePort))
    }
    const what = `throughput under autoup : bare, ${mode === 'keep' ? 'keep-alive' : 'new connections'}`
    rows.push({ what, budget: '≥ 0.99', value: spread(ratios, 3), repetitions: rounds })
  }
  await stop(bare)
  await service.stop()
  return rows
}

/** From the moment the new worker listens, by its own clock, to the moment the traffic is moved. */
async function swap(isLong) {
  const rounds = isLong ? 50 : 15
  const directory = scratch()
  const stamp = join(directory, 'ready-at')
  const worker = join(directory, 'worker.mjs')
  writeFileSync(
    worker,
    `import { writeFileSync } from 'node:fs'
import http from 'node:http'
const server = http.createServer((_, response) => response.end('ok'))
server.listen({ fd: 3 }, () => writeFileSync(${JSON.stringify(stamp)}, String(performance.timeOrigin + performance.now())))
process.on('SIGTERM', () => process.exit(0))
`,
  )
  const service = new Master(directory, ['--listen', '127.0.0.1:0', '--', process.execPath, worker])
  await service.event('worker-ready')
  const waits = []
  for (let round = 0; round < rounds; round++) {
    const since = service.last
    service.child.kill('SIGUSR2')
    const ready = await service.event('promotion-ready', since)
    waits.push(Date.parse(ready.at) - Number(readFileSync(stamp, 'utf8')))
    await service.event('worker-exited', since)
  }
  await service.stop()
  return [
    {
      what: 'swap time beyond the worker’s own start-to-ready time, ms',
      budget: '≤ 10',
      value: spread(waits, 1),
      repetitions: rounds,
    },
  ]
}

/** Memory over bare Node, and CPU while nothing happens. */
async function master(isLong) {
  const rounds = isLong ? 5 : 3
  const idleMs = isLong ? 60_000 : 20_000
  const memory = []
  const cpu = []
  for (let round = 0; round < rounds; round++) {
    const directory = scratch()
    const release = join(directory, 'server.mjs')
    publish(release, String(round))
    const idle = start(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' })
    const service = new Master(directory, [
      '--fetch',
      `file:${release}`,
      '--listen',
      '127.0.0.1:0',
      '--probation',
      '100ms',
      '--interval',
      '60s',
    ])
    await service.event('build-committed')
    // The start is over, and the collector has tidied up after it: what follows is the steady state.
    await pause(20_000)
    const before = cpuMs(service.pid)
    await pause(idleMs)
    cpu.push(((cpuMs(service.pid) - before) / idleMs) * 100)
    memory.push(rssMiB(service.pid) - rssMiB(idle.pid))
    await service.stop()
    await stop(idle)
  }
  return [
    {
      what: 'master’s steady RSS − bare `node` idle, MiB',
      budget: '≤ 16',
      value: spread(memory, 1),
      repetitions: rounds,
    },
    { what: 'master’s CPU while idle, % of a core', budget: '≤ 0.1', value: spread(cpu, 3), repetitions: rounds },
  ]
}

/** What a check costs, the stager and what the master does for it, as if one were made every minute. */
async function checks(isLong) {
  const count = isLong ? 30 : 10
  const directory = scratch()
  const release = join(directory, 'server.mjs')
  publish(release, '1')
  const site = createServer((request, response) => {
    response.setHeader('etag', '"1"')
    if (request.headers['if-none-match'] === '"1"') return response.writeHead(304).end()
    response.setHeader('content-length', readFileSync(release).length)
    response.end(request.method === 'HEAD' ? undefined : readFileSync(release))
  })
  site.listen(0, '127.0.0.1')
  await once(site, 'listening')
  const sources = { 'file:': `file:${release}`, 'https:': `http://127.0.0.1:${site.address().port}/server.mjs` }
  const rows = []
  for (const [name, source] of Object.entries(sources)) {
    const own = scratch()
    const flags = ['--listen', '127.0.0.1:0', '--probation', '0', '--interval', '1h', '--allow-unverified']
    const service = new Master(own, ['--fetch', source, ...flags])
    await service.event('build-committed')
    const shares = []
    for (let round = 0; round < count; round++) {
      const before = cpuMs(service.pid) + endedChildrenCpuMs(service.pid)
      if ((await cli(own, 'upgrade')) !== 0) throw new Error('a check failed')
      shares.push(((cpuMs(service.pid) + endedChildrenCpuMs(service.pid) - before) / 60_000) * 100)
    }
    await service.stop()
    rows.push({
      what: `a check of ${name} where nothing is new, each 60 s, % of a core`,
      budget: '≤ 0.4',
      value: spread(shares),
      repetitions: count,
    })
  }
  site.close()
  return rows
}

/** `autoup status`, also through a configuration file, and `autoup --help` against `node -e 0`, in turn. */
async function status(isLong) {
  const rounds = isLong ? 40 : 15
  const directory = scratch()
  const service = new Master(directory, ['--listen', '127.0.0.1:0', '--', process.execPath, WORKER])
  await service.event('worker-ready')
  const config = join(directory, 'autoup.config.json')
  const app = { 'state-dir': join(directory, 'state'), command: [process.execPath, WORKER] }
  writeFileSync(config, JSON.stringify({ apps: { bench: app } }))
  const ratios = { status: [], config: [], help: [] }
  for (let round = 0; round <= rounds; round++) {
    const bare = await timed(() => run(process.execPath, ['-e', '0']))
    const asked = await timed(() => cli(directory, 'status'))
    const found = await timed(() => run(process.execPath, [AUTOUP, 'status', '--config', config], { stdio: 'ignore' }))
    const helped = await timed(() => run(process.execPath, [AUTOUP, '--help'], { stdio: 'ignore' }))
    if (round === 0) continue
    ratios.status.push(asked / bare)
    ratios.config.push(found / bare)
    ratios.help.push(helped / bare)
  }
  await service.stop()
  return [
    { what: '`autoup status` : `node -e 0`', budget: '≤ 1.5', value: spread(ratios.status), repetitions: rounds },
    { what: 'the same by a configuration file', budget: '≤ 1.5', value: spread(ratios.config), repetitions: rounds },
    { what: '`autoup --help` : `node -e 0`', budget: '≤ 1.5', value: spread(ratios.help), repetitions: rounds },
  ]
}

/** Verify and stage an archive, against the plain tools, in turn. */
async function stage(isLong) {
  const rounds = isLong ? 7 : 3
  const directory = scratch()
  const tree = join(directory, 'app')
  mkdirSync(tree)
  // Half noise, half repetition, in files of 10 MB: 200 MB in all.
  for (let file = 0; file < 20; file++)
    writeFileSync(join(tree, `data-${file}`), Buffer.concat([randomBytes(5e6), Buffer.alloc(5e6, file)]))
  writeFileSync(join(tree, 'app'), '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 })
  const archive = join(directory, 'app.tar')
  execFileSync('tar', ['-cf', archive, '-C', directory, 'app'])
  const ratios = []
  for (let round = 0; round <= rounds; round++) {
    const plain = join(directory, 'plain')
    rmSync(plain, { recursive: true, force: true })
    mkdirSync(plain)
    const tools = await timed(() =>
      run('sh', ['-c', `sha256sum ${archive} > /dev/null && tar -xf ${archive} -C ${plain} && sync -f ${plain}`]),
    )
    const state = join(directory, `state-${round}`)
    const staged = await timed(() =>
      run(process.execPath, [AUTOUP, 'stage', '--fetch', `file:${archive}`, '--state-dir', state], { stdio: 'ignore' }),
    )
    rmSync(state, { recursive: true, force: true })
    if (round > 0) ratios.push(staged / tools)
  }
  return [
    {
      what: 'verify and stage 200 MB : `sha256sum` and `tar x` and `sync`',
      budget: '≤ 1.3',
      value: spread(ratios),
      repetitions: rounds,
    },
  ]
}

async function cli(directory, ...args) {
  return await run(process.execPath, [AUTOUP, ...args, '--state-dir', join(directory, 'state')], {
    stdio: 'ignore',
    cwd: ROOT,
  })
}

async function timed(work) {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

function portOf({ address }) {
  return Number(address.split(':').pop())
}
