/**
 * A master that `autoup start` put in the background, for one test: found by its pid file, and gone with all its
 * workers when the test ends, however it ends.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Stamped } from '../../src/core/events.ts'
import { autoup, type Finished, temporaryDirectory } from './master.ts'
import { onEnd } from './on-end.ts'
import { endAll, isAlive, kill } from './processes.ts'
import { until } from './until.ts'

export interface DaemonOptions {
  name?: string
  cwd?: string
  env?: Record<string, string>
}

export interface Daemonized {
  readonly name: string
  readonly stateDir: string
  /** `<stateDir>/<name>`. */
  readonly home: string
  /** `autoup COMMAND NAME --state-dir … ARGS`, to its end. */
  cli(command: string, ...args: string[]): Promise<Finished>
  start(...args: string[]): Promise<Finished>
  /** That of the pid file. */
  pid(): number
  /** What is in its log. */
  log(): string
  events(): Stamped[]
}

/** Starts nothing yet. */
export function daemon({ name = 'app', cwd, env }: DaemonOptions = {}): Daemonized {
  const stateDir = temporaryDirectory()
  const home = join(stateDir, name)
  const pidFile = join(home, 'master.pid')
  const log = (): string => readFileSync(join(home, 'service.log'), 'utf8')
  const pid = (): number => Number(readFileSync(pidFile, 'utf8'))
  const cli = (command: string, ...args: string[]): Promise<Finished> =>
    autoup([command, name, '--state-dir', stateDir, ...args], { cwd, env })
  onEnd(async () => {
    if (existsSync(join(home, 'lock'))) {
      const master = Number(readFileSync(join(home, 'lock'), 'utf8'))
      if (isMaster(master, stateDir)) kill(master, 'SIGKILL')
      await until('the master is gone', () => !isMaster(master, stateDir))
    }
    await endAll(stateDir)
  })
  return {
    name,
    stateDir,
    home,
    cli,
    start: (...args) => cli('start', ...args),
    pid,
    log,
    events: () =>
      log()
        .split('\n')
        .filter((line) => line.startsWith('{"at":"'))
        .map((line) => JSON.parse(line) as Stamped),
  }
}

/** The lock keeps the pid of a master that has ended, which may be another's by now. */
function isMaster(pid: number, stateDir: string): boolean {
  if (!isAlive(pid)) return false
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(stateDir)
}
