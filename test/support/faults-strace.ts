/**
 * Faults of the machine, put into a running process by strace(1): calls that fail, calls that kill. A tracer is the
 * test's own and lets go of its process when the test ends.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from './master.ts'
import { onEnd } from './on-end.ts'
import { isAlive } from './processes.ts'
import { until } from './until.ts'

export interface Tracer {
  /** Lets go: from now on all calls are the kernel's own. */
  detach(): Promise<void>
  /** What it has seen so far. */
  log(): string
}

/** `rules` as strace takes them: `['-e', 'inject=fsync:error=EIO']`. Resolves when every thread is traced. */
export async function attach(pid: number, ...rules: string[]): Promise<Tracer> {
  const log = join(temporaryDirectory(), 'strace')
  const isWithThreads = rules.includes('-f')
  const child = spawn('strace', ['-q', '-o', log, ...rules, '-p', String(pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const exited = once(child, 'exit')
  onEnd(() => detach(child, exited))
  await until(`strace traces ${pid}`, () => {
    if (child.exitCode !== null) throw new Error(`strace ended: ${said}`)
    return tasksOf(pid, isWithThreads).every((task) => tracerOf(pid, task) === child.pid)
  })
  return { detach: () => detach(child, exited), log: () => readFileSync(log, 'utf8') }
}

/** For MasterOptions.through: the master is the direct child, traced from its first call on. */
export function tracedFromTheStart(...rules: string[]): string[] {
  return ['strace', '-D', '-q', '-o', '/dev/null', ...rules]
}

/** strace lets go of what it did not start when it is interrupted. */
async function detach(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT')
  await exited
}

function tasksOf(pid: number, all: boolean): string[] {
  if (!all) return [String(pid)]
  return isAlive(pid) ? readdirSync(`/proc/${pid}/task`) : []
}

/** `TracerPid` of proc_pid_status(5), or 0. */
function tracerOf(pid: number, task: string): number {
  try {
    return Number(/^TracerPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8'))?.[1])
  } catch {
    return 0
  }
}
