/**
 * A master that is pid 1 of a pid namespace (pid_namespaces(7)) of the test's own. The pids in its events are those of
 * the namespace; from outside its processes are the descendants of `unshare`. When that is killed, all of them are.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type { Stamped } from '../../src/core/events.ts'
import { AUTOUP, temporaryDirectory } from './master.ts'
import { onEnd } from './on-end.ts'
import { childrenOf, isAlive, kill, type Process } from './processes.ts'
import { tail } from './tail.ts'
import { until } from './until.ts'

export interface PidOne {
  /** As seen from here. */
  readonly pid: number
  readonly events: readonly Stamped[]
  /** The lines of its workers. */
  readonly output: readonly string[]
  /** Resolves when an event of this type has come. */
  next<T extends Stamped['type']>(type: T): Promise<Extract<Stamped, { type: T }>>
  /** All that lives or is a zombie below it. */
  descendants(): Process[]
  /** Resolves with what unshare makes of its end. */
  readonly exited: Promise<number | NodeJS.Signals>
}

/** Needs root and unshare(1). `command` follows `--`. */
export async function startAsPidOne(args: string[], command: string[]): Promise<PidOne> {
  const folder = temporaryDirectory()
  const stateDir = join(folder, 's')
  mkdirSync(stateDir)
  const log = join(folder, 'log')
  const file = openSync(log, 'a')
  const run = ['run', '--name', 'app', '--state-dir', stateDir, '--log-format', 'json', ...args, '--', ...command]
  const child = spawn(
    'unshare',
    ['--pid', '--fork', '--mount-proc', '--kill-child', process.execPath, AUTOUP, ...run],
    {
      detached: true,
      stdio: ['ignore', file, file],
    },
  )
  const exited = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals)
  const events: Stamped[] = []
  const output: string[] = []
  const followed = tail(log, (line) => {
    if (line.startsWith('{"at":')) events.push(JSON.parse(line) as Stamped)
    else output.push(line)
  })
  let pid = 0
  onEnd(async () => {
    followed.close()
    child.kill('SIGKILL')
    await exited
    if (pid !== 0) await until('the namespace is gone', () => !isAlive(pid))
  })
  pid = (await until('unshare has started it', () => childrenOf(child.pid!)[0])).pid
  return {
    pid,
    events,
    output,
    exited,
    descendants: () => below(pid),
    next: (type) =>
      until(`${type} from pid 1`, () => events.find((event) => event.type === type)).catch((error: Error) => {
        throw new Error(`${error.message}: ${JSON.stringify(events, null, 1)}`)
      }) as Promise<never>,
  }
}

/** To the master; the kernel gives pid 1 only what it has a handler for, and SIGKILL from outside. */
export function signalPidOne(master: PidOne, signal: NodeJS.Signals): void {
  kill(master.pid, signal)
}

function below(pid: number): Process[] {
  return childrenOf(pid).flatMap((child) => [child, ...below(child.pid)])
}
