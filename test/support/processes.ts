/**
 * What runs, read from proc(5), and the end of what a test has started: only processes that carry the state
 * directory of that test, or that belong to the session of one of its workers (daemons write their title over their
 * environment, where the mark then is gone).
 */

import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { until } from './until.ts'

export interface Process {
  readonly pid: number
  readonly name: string
  /** One letter of proc_pid_stat(5); Z is a zombie. */
  readonly state: string
  readonly parent: number
  readonly session: number
  /** Clock ticks since boot: with the pid, unique. */
  readonly startedAt: number
}

/** Null when there is none, or it is going just now. */
export function readProcess(pid: number): Process | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const end = stat.lastIndexOf(')')
    const fields = stat.slice(end + 2).split(' ')
    return {
      pid,
      name: stat.slice(stat.indexOf('(') + 1, end),
      state: fields[0]!,
      parent: Number(fields[1]),
      session: Number(fields[3]),
      startedAt: Number(fields[19]),
    }
  } catch {
    return null
  }
}

/** Runs, and is no zombie: `kill(pid, 0)` cannot tell. */
export function isAlive(pid: number): boolean {
  const found = readProcess(pid)
  return found !== null && found.state !== 'Z' && found.state !== 'X'
}

export function allProcesses(): Process[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map((pid) => readProcess(Number(pid))).filter((found) => found !== null)
}

/** Direct children, zombies too. */
export function childrenOf(pid: number): Process[] {
  return allProcesses().filter((each) => each.parent === pid)
}

/** The process that began a session, while it lives or as a zombie: by its number alone it would soon be another one. */
export type Leader = Pick<Process, 'pid' | 'startedAt'>

/**
 * Processes, zombies not, whose AUTOUP_STATE or AUTOUP_STATE_DIR lies in `stateDir`, or whose session was begun by one
 * of `leaders`.
 */
export function belongingTo(stateDir: string, leaders: readonly Leader[] = []): Process[] {
  const sessions = new Set(leaders.filter(isNobodyElse).map(({ pid }) => pid))
  return allProcesses().filter(
    (each) => each.state !== 'Z' && (sessions.has(each.session) || carries(each.pid, stateDir)),
  )
}

/** A number is given away again only when nobody is left in its session (setsid(2)). */
function isNobodyElse({ pid, startedAt }: Leader): boolean {
  const now = readProcess(pid)
  return now === null || now.startedAt === startedAt
}

/**
 * Kills them until none is left; those that fork meanwhile are met in the next round. Then what a killed master leaves
 * to the next one on its state, which here never comes, is removed: the directory of its sockets in /run or /tmp.
 */
export async function endAll(stateDir: string, leaders: readonly Leader[] = []): Promise<void> {
  await until(`the processes of ${stateDir} are gone`, () => {
    const left = belongingTo(stateDir, leaders)
    for (const { pid } of left) kill(pid, 'SIGKILL')
    return left.length === 0
  })
  const homes = existsSync(stateDir) ? readdirSync(stateDir) : []
  for (const directory of homes.flatMap((name) => linkOf(join(stateDir, name, 'run')))) {
    if (/^autoup-\w{6}$/.test(basename(directory))) rmSync(directory, { recursive: true, force: true })
  }
}

/** A signal to a process that may be gone already. */
export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** The words it was started with; until it execs, a fork has those of its parent. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

/** What each open descriptor leads to: `socket:[123]`, a path, … */
export function descriptorsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`
  try {
    return readdirSync(folder).flatMap((fd) => linkOf(`${folder}/${fd}`))
  } catch {
    return []
  }
}

/** Resident memory in bytes, 0 when gone. */
export function memoryOf(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

/** Inodes of the TCP sockets that listen on `port`, from proc_pid_net(5). */
export function listenersOn(port: number): string[] {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const lines = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => readFileSync(table, 'utf8').split('\n').slice(1))
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(wanted) && fields[3] === '0A')
    .map((fields) => fields[9]!)
}

/** The pids among `processes` that hold the socket with this inode. */
export function holdersOf(inode: string, processes: readonly Process[]): number[] {
  return processes.filter(({ pid }) => descriptorsOf(pid).includes(`socket:[${inode}]`)).map(({ pid }) => pid)
}

function linkOf(path: string): string[] {
  try {
    return [readlinkSync(path)]
  } catch {
    return []
  }
}

function carries(pid: number, stateDir: string): boolean {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
    return environment.some((entry) => {
      const [, place] = /^AUTOUP_STATE(?:_DIR)?=(.*)$/s.exec(entry) ?? []
      return place === stateDir || place?.startsWith(`${stateDir}/`) === true
    })
  } catch {
    return false
  }
}
