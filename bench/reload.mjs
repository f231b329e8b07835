/**
 * Side by side in one run: what becomes of the requests while the same app is reloaded by PM2 (cluster mode, wait_ready),
 * by `node:cluster` with a rolling restart written by hand, and by autoup. The apps differ in nothing but what each
 * supervisor asks of them in its documentation.
 */

import { execFileSync, spawn } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { closedLoop, openLoop } from './loads.mjs'
import { accepts, Master, rssMiB, scratch, spread, start, stop } from './support.mjs'

/** Exact, so that two runs compare. */
const PM2 = 'pm2@7.0.4'
const RATE = 500
const FIRST_PORT = 18_100
/** More than PM2's own 1.6 s. */
const KILL_TIMEOUT_MS = 5_000

const SUPERVISORS = { pm2, cluster, autoup }

/** One worker as in the other measures of a swap; PM2's own advice is more, so there are 2 as well. */
export async function reload(isLong) {
  const [rounds, swaps, seconds] = isLong ? [5, 10, 4] : [3, 3, 2]
  const directory = scratch()
  execFileSync('npm', ['install', '--prefix', directory, '--no-audit', '--no-fund', '--silent', PM2], {
    stdio: 'inherit',
  })
  const rows = []
  let port = FIRST_PORT
  for (const instances of [1, 2]) {
    const results = new Map(Object.keys(SUPERVISORS).map((name) => [name, []]))
    for (let round = 0; round < rounds; round++) {
      for (const [name, startIt] of Object.entries(SUPERVISORS)) {
        const service = await startIt({ directory: scratch(), tools: directory, port: port++, instances })
        try {
          results.get(name).push(await measure(service, swaps, seconds))
        } finally {
          await service.stop()
        }
      }
    }
    const reference = results.get('autoup')
    for (const [name, measured] of results) rows.push(shown(`${name}, ${instances}`, measured, reference))
  }
  return { head: HEAD, rows }
}

async function measure(service, swaps, seconds) {
  await accepts(service.port)
  const speeds = {}
  for (const mode of ['keep', 'new']) speeds[mode] = await closedLoop(service.port, seconds, mode)
  const memory = service.pids().reduce((sum, pid) => sum + rssMiB(pid), 0)
  const load = openLoop(service.port, RATE)
  const times = []
  for (let swap = 0; swap < swaps; swap++) {
    const startedAt = performance.now()
    await service.swap()
    times.push(performance.now() - startedAt)
  }
  return { ...(await load.stop()), speeds, memory, times }
}

const HEAD = [
  'supervisor, workers',
  'failed',
  'of these reset',
  'slowest request, ms',
  'swap, ms',
  'throughput : autoup’s, kept',
  'the same, new connections',
  'memory, MiB',
]

function shown(who, measured, reference) {
  const sum = (of) => measured.reduce((total, each) => total + of(each), 0)
  const ratios = (mode) => spread(measured.map((each, index) => each.speeds[mode] / reference[index].speeds[mode]))
  return [
    who,
    `${sum(({ failed }) => failed)} of ${sum(({ sent }) => sent)}`,
    sum(({ kinds }) => kinds.reset + kinds.raced + kinds.cut),
    spread(
      measured.map(({ slowestMs }) => slowestMs),
      0,
    ),
    spread(
      measured.flatMap(({ times }) => times),
      0,
    ),
    ratios('keep'),
    ratios('new'),
    spread(
      measured.map(({ memory }) => memory),
      0,
    ),
  ]
}

/** The hello world of the first page; `extra` is what a supervisor's documentation asks for. */
function app(extra = '') {
  return `const http = require('node:http')
const server = http.createServer((_request, response) => {
  response.end(JSON.stringify({ version: '1', pid: process.pid }))
})
${extra || 'server.listen(process.env.PORT)'}
`
}

/** https://pm2.keymetrics.io/docs/usage/signals-clean-restart/: ready when it listens, and close on SIGINT. */
const FOR_PM2 = `server.listen(process.env.PORT, () => process.send('ready'))
process.on('SIGINT', () => server.close(() => process.exit(0)))`

async function pm2({ directory, tools, port, instances }) {
  writeFileSync(join(directory, 'app.js'), app(FOR_PM2))
  const config = {
    name: 'bench',
    script: 'app.js',
    cwd: directory,
    instances,
    exec_mode: 'cluster',
    wait_ready: true,
    listen_timeout: 10_000,
    kill_timeout: KILL_TIMEOUT_MS,
    env: { PORT: String(port) },
  }
  writeFileSync(join(directory, 'ecosystem.config.js'), `module.exports = ${JSON.stringify({ apps: [config] })}`)
  const env = { ...process.env, PM2_HOME: join(directory, 'home') }
  const command = join(tools, 'node_modules/pm2/bin/pm2')
  const say = (...args) =>
    finished(spawn(process.execPath, [command, ...args], { env, cwd: directory, stdio: 'ignore' }))
  // Should this run be interrupted: the daemon outlives its commands.
  const kill = () => execFileSync(process.execPath, [command, 'kill'], { env, cwd: directory, stdio: 'ignore' })
  process.once('exit', kill)
  await say('start', 'ecosystem.config.js')
  const daemon = Number(readFileSync(join(directory, 'home/pm2.pid'), 'utf8'))
  return {
    port,
    pids: () => treeOf(daemon),
    swap: () => say('reload', 'bench'),
    async stop() {
      process.off('exit', kill)
      await say('kill')
    },
  }
}

/** As people write it: one new worker, then one old less, as https://nodejs.org/api/cluster.html#workerdisconnect has it. */
const CLUSTER = `const cluster = require('node:cluster')
if (cluster.isPrimary) {
  const start = () => new Promise((resolve) => {
    const worker = cluster.fork()
    worker.once('listening', () => resolve(worker))
  })
  let workers = []
  const boot = async () => {
    for (let index = 0; index < Number(process.env.INSTANCES); index++) workers.push(await start())
    process.send('done')
  }
  const restart = async () => {
    const old = workers
    workers = []
    for (const worker of old) {
      workers.push(await start())
      const gone = new Promise((resolve) => worker.once('exit', resolve))
      worker.send('shutdown')
      worker.disconnect()
      const timer = setTimeout(() => worker.process.kill('SIGKILL'), ${KILL_TIMEOUT_MS})
      await gone
      clearTimeout(timer)
    }
    process.send('done')
  }
  process.on('message', restart)
  boot()
} else {
  APP
  process.on('message', () => server.close(() => process.exit(0)))
}
`

async function cluster({ directory, port, instances }) {
  const file = join(directory, 'app.js')
  writeFileSync(
    file,
    CLUSTER.replace('APP', () => app()),
  )
  const env = { ...process.env, PORT: String(port), INSTANCES: String(instances) }
  const primary = start(process.execPath, [file], { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const done = () => new Promise((resolve) => primary.once('message', resolve))
  await done()
  return {
    port,
    pids: () => treeOf(primary.pid),
    swap() {
      const ended = done()
      primary.send('restart')
      return ended
    },
    stop: () => stop(primary),
  }
}

async function autoup({ directory, port, instances }) {
  writeFileSync(join(directory, 'app.js'), app())
  process.env.PORT = String(port)
  const args = ['--listen', String(port), '--instances', String(instances), '--probation', '0']
  const service = new Master(directory, [...args, '--', process.execPath, join(directory, 'app.js')])
  for (let ready = 0, since = 0; ready < instances; ready++)
    since = (await service.event('worker-ready', since)).sequence
  return {
    port,
    pids: () => treeOf(service.pid),
    /** To the end of the last old worker, as with the others. */
    async swap() {
      let since = service.last
      service.child.kill('SIGUSR2')
      for (let gone = 0; gone < instances; gone++) since = (await service.event('worker-exited', since)).sequence
    },
    stop: () => service.stop(),
  }
}

async function finished(child) {
  await new Promise((resolve, reject) => child.once('exit', resolve).once('error', reject))
}

/** The process and all below it. */
function treeOf(pid) {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        return [[Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])]]
      } catch {
        return []
      }
    })
  const tree = [pid]
  for (const each of tree) tree.push(...parents.filter(([, parent]) => parent === each).map(([child]) => child))
  return tree
}
