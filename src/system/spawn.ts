/**
 * The only place that starts children, so that the reaper knows which are not its own: libuv waits for these. A child
 * gets its own session (setsid(2)), /dev/null as stdin unless there is something to be read, and exactly the
 * descriptors it is given, from 3 on, freed of CLOEXEC. A pid is only signalled while libuv has not reaped it, so a
 * signal never reaches a stranger.
 *
 * Variables that must hold the child's own pid go through `sh`, which execs the program with the same pid. What only
 * exec itself can tell (ETXTBSY, a missing interpreter) then is no error but the status 126 or 127 of sh.
 */

import { type ChildProcess, type SpawnOptions, type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, readdirSync, statSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { errnoOf } from '../core/errors.ts'
import { killSession } from './kill-session.ts'
import { isCloseOnExec, setCloseOnExec } from './libc/descriptors.ts'
import { readStat } from './procfs.ts'

export type Output = number | 'inherit' | 'pipe' | 'ignore'

export interface SpawnRequest {
  /** The first is an absolute path. */
  readonly argv: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Passed on as 3, 4, …; one may stand there twice. They stay the caller's. */
  readonly descriptors: readonly number[]
  /** Names for LISTEN_FDNAMES, one for each of the first descriptors; null: no LISTEN_* at all. */
  readonly listenNames: readonly string[] | null
  /** Set to the pid after exec: LISTEN_PID, WATCHDOG_PID, AUTOUP_PID. */
  readonly pidVariables: readonly string[]
  /** Also gives up supplementary groups. Null: the master's own user. */
  readonly user: { readonly uid: number; readonly gid: number } | null
  /** What it can read as stdin. Default: nothing, which is /dev/null. */
  readonly input?: string
  /** Default `inherit`. A pipe ends with the master: no worker that is to outlive it may have one. */
  readonly stdout?: Output
  readonly stderr?: Output
}

export interface Exit {
  readonly code: number | null
  /** `SIGKILL`, … */
  readonly signal: string | null
}

export interface Child {
  readonly pid: number
  /** With the pid, its identity (procfs). */
  readonly startTicks: number
  /** Never rejects. */
  readonly exited: Promise<Exit>
  /** Null unless `pipe` was asked for. */
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /** To the main process alone; false when it has ended. */
  signal(name: string): boolean
  /** SIGKILL to its process group and everything else in its session, also after the main process has ended. */
  killGroup(): void
}

const started = new Set<number>()

/** Whether this pid was started here and is not reaped yet; then nobody else may wait for it. */
export function isOwnChild(pid: number): boolean {
  return started.has(pid)
}

/**
 * Starts a child. Rejects with the system error, its `code` kept: EAGAIN, ENOMEM, EMFILE say that the machine failed;
 * ENOENT, EACCES that the program or its directory did.
 */
export async function spawnChild(request: SpawnRequest): Promise<Child> {
  const { argv, cwd, env, user, descriptors } = request
  const program = argv[0] as string
  // Through sh these would be statuses, and a missing directory would be reported as a missing program.
  accessSync(program, constants.X_OK)
  if (!statSync(cwd).isDirectory()) throw Object.assign(new Error(`ENOTDIR: ${cwd}`), { code: 'ENOTDIR' })
  const pidVariables = pidVariablesOf(request)
  const stdin = request.input === undefined ? 'ignore' : 'pipe'
  const stdio: StdioOptions = [stdin, request.stdout ?? 'inherit', request.stderr ?? 'inherit', ...descriptors]
  const words = pidVariables.length === 0 ? [...argv] : throughShell(argv, pidVariables)
  const child = startProcess(words[0] as string, words.slice(1), {
    cwd,
    env: { ...env, ...listenVariables(request) },
    stdio,
    detached: true,
    ...(user ? { uid: user.uid, gid: user.gid } : {}),
  })
  if (child.pid === undefined) {
    const [error] = (await once(child, 'error')) as [Error]
    throw error
  }
  // Whether it is read is the child's affair.
  child.stdin?.on('error', () => undefined).end(request.input)
  return childOf(child, child.pid)
}

/**
 * spawn of node:child_process, for a child that needs what spawnChild has no words for, such as a pipe of its own:
 * kept from the reaper, and given no descriptor but those in `stdio`.
 */
export function startProcess(program: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  keepDescriptorsHome()
  const child = spawn(program, args, options)
  const { pid } = child
  if (pid !== undefined) {
    started.add(pid)
    // Comes in the same turn as libuv's waitpid(2), before the pid can be used again.
    child.once('exit', () => started.delete(pid))
  }
  return child
}

/**
 * Whatever started the master may have left it descriptors without CLOEXEC, and libuv marks them only up to the first
 * gap: the others would reach every child, a listener among them. What a child is given loses the mark in its own copy.
 */
function keepDescriptorsHome(): void {
  for (const fd of readdirSync('/proc/self/fd').map(Number)) {
    // The listing's own is closed by now.
    if (fd <= 2) continue
    try {
      if (!isCloseOnExec(fd)) setCloseOnExec(fd, true)
    } catch (error) {
      if (errnoOf(error) !== 'EBADF') throw error
    }
  }
}

function childOf(child: ChildProcess, pid: number): Child {
  // Not reaped before this turn ends, so the entry is there, if only as a zombie.
  const startTicks = readStat(pid)?.startTicks ?? 0
  let isReaped = false
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      isReaped = true
      resolve({ code, signal })
    })
  })
  // A signal that cannot be sent is reported by its return value.
  child.on('error', () => undefined)
  return {
    pid,
    startTicks,
    exited,
    stdout: child.stdout,
    stderr: child.stderr,
    signal(name) {
      if (isReaped) return false
      try {
        return process.kill(pid, name)
      } catch {
        return false
      }
    },
    killGroup: () => killSession(pid, startTicks),
  }
}

/** sd_listen_fds(3). LISTEN_PID is set by the shell. */
function listenVariables({ listenNames }: SpawnRequest): Record<string, string> {
  if (listenNames === null) return {}
  return { LISTEN_FDS: String(listenNames.length), LISTEN_FDNAMES: listenNames.join(':') }
}

function pidVariablesOf({ pidVariables, listenNames }: SpawnRequest): string[] {
  return [...new Set(listenNames === null ? pidVariables : ['LISTEN_PID', ...pidVariables])]
}

function throughShell(argv: readonly string[], variables: readonly string[]): string[] {
  const assignments = variables.map((name) => `${name}=$$`).join(' ')
  return ['/bin/sh', '-c', `export ${assignments}; exec "$0" "$@"`, ...argv]
}
