/** What the benchmarks share: statistics, a worker, a master, a load. Only loopback; ends what it starts. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))
export const AUTOUP = join(ROOT, 'dist/bin/autoup.js')
export const WORKER = join(ROOT, 'examples/node-server/server.mjs')

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

/** `1.02 (0.99 – 1.05)` */
export function spread(values, digits = 2) {
  const fixed = (value) => value.toFixed(digits)
  return `${fixed(median(values))} (${fixed(Math.min(...values))} – ${fixed(Math.max(...values))})`
}

export function scratch() {
  const directory = mkdtempSync(join(tmpdir(), 'autoup-bench-'))
  directories.push(directory)
  return directory
}

const directories = []
const children = new Set()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

/** In a session of its own, as workers are: the kernel shares the processors among sessions (sched(7), autogroup). */
export function start(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true, ...options })
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

export async function stop(child, signal = 'SIGTERM') {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill(signal)
  await gone
}

/** A master with its events. */
export class Master {
  constructor(directory, args) {
    this.directory = directory
    this.child = start(process.execPath, [
      AUTOUP,
      'run',
      '--state-dir',
      join(directory, 'state'),
      '--name',
      'bench',
      '--log-format',
      'json',
      ...args,
    ])
    this.events = []
    this.waiting = new Set()
    createInterface({ input: this.child.stderr }).on('line', (line) => {
      if (!line.startsWith('{')) return process.stderr.write(`${line}\n`)
      this.events.push(JSON.parse(line))
      for (const look of this.waiting) look()
    })
  }

  get pid() {
    return this.child.pid
  }

  /** The first event of this type after the one with number `since`. */
  async event(type, since = 0, matches = () => true) {
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no ${type} in 60 s: ${JSON.stringify(this.events.slice(-5))}`)),
        60_000,
      )
      const look = () => {
        const found = this.events.find((event) => event.type === type && event.sequence > since && matches(event))
        if (!found) return
        clearTimeout(timer)
        this.waiting.delete(look)
        resolve(found)
      }
      this.waiting.add(look)
      look()
    })
  }

  get last() {
    return this.events.at(-1)?.sequence ?? 0
  }

  stop() {
    return stop(this.child)
  }
}

/** The example worker as a release of its own: the version makes the bytes differ. */
export function publish(path, version) {
  const code = readFileSync(WORKER, 'utf8').replace("const VERSION = '1'", `const VERSION = '${version}'`)
  writeFileSync(`${path}.new`, code)
  chmodSync(`${path}.new`, 0o755)
  renameSync(`${path}.new`, path)
}

export async function accepts(port) {
  for (let tries = 0; tries < 1_000; tries++) {
    const socket = connect(port, '127.0.0.1')
    const isOpen = await new Promise((resolve) =>
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false)),
    )
    socket.destroy()
    if (isOpen) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error(`nothing accepts on ${port}`)
}

/** Resident memory in MiB. */
export function rssMiB(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024
}

/** CPU time in ms, of all threads of the process, with the precision of the scheduler. */
export function cpuMs(pid) {
  const tasks = readdirSync(`/proc/${pid}/task`)
  const spent = tasks.map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]))
  return spent.reduce((sum, each) => sum + each, 0) / 1e6
}

/** CPU time in ms of the children that have ended and were waited for (proc_pid_stat(5)), in steps of 10. */
export function endedChildrenCpuMs(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[13]) + Number(fields[14])) * 10
}

export async function run(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'], ...options })
  const [code] = await once(child, 'exit')
  return code
}

export { copyFileSync }
