/**
 * A real `autoup run` for one test: started in a process group of its own with a state directory of its own, followed
 * through its JSON events, and gone with all its workers when the test ends, however it ends.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Stamped } from '../../src/core/events.ts'
import { onEnd } from './on-end.ts'
import { endAll, kill, type Leader, readProcess } from './processes.ts'
import { type Tail, tail } from './tail.ts'

export const AUTOUP = fileURLToPath(new URL('../../dist/bin/autoup.js', import.meta.url))

const DEADLINE_MS = 30_000
const SHOWN_EVENTS = 25
const SHOWN_OUTPUT = 15

export interface MasterOptions {
  /** Options of `run`, without `--name`, `--state-dir` and `--log-format`. */
  args?: string[]
  /** What follows `--`. */
  command?: string[]
  name?: string
  /** Default: a new one, removed with the test. */
  stateDir?: string
  cwd?: string
  /** Added to a small clean environment. */
  env?: Record<string, string>
  /** Default: the built `autoup`. */
  program?: string
  /** In place of `autoup run` with its options: a program that is its own master, and its arguments. */
  embedded?: string[]
  /** Programs in front, such as `['systemd-socket-activate', '-l', '8080']`. */
  through?: string[]
}

export interface Status {
  readonly name: string
  readonly pid: number
  readonly state: string
  readonly current: BuildStatus | null
  readonly previous: BuildStatus | null
  readonly candidate: BuildStatus | null
  readonly workers: readonly WorkerStatus[]
  readonly quarantine: readonly { build: string; version: string; reason: string; at: string }[]
  readonly listen: readonly { name: string; address: string }[]
  readonly lastCheck: { at: string; result: string; message: string } | null
  readonly paused: boolean
}

export interface BuildStatus {
  readonly build: string
  readonly version: string
  readonly committedAt: string | null
}

export interface WorkerStatus {
  readonly pid: number
  readonly build: string
  readonly version: string
  readonly generation: number
  readonly state: 'starting' | 'ready' | 'draining' | 'back-off'
  readonly restarts: number
}

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export type Of<T extends Stamped['type']> = Extract<Stamped, { type: T }>

export interface Master {
  readonly pid: number
  readonly name: string
  readonly stateDir: string
  /** `<stateDir>/<name>`. */
  readonly home: string
  readonly events: readonly Stamped[]
  /** Lines that are no events: what workers print. */
  readonly output: readonly string[]
  /** Resolves with the exit code, or the name of the signal. */
  readonly exited: Promise<number | NodeJS.Signals>
  /** A place in the events, for `since`. */
  mark(): number
  /** The first event from `since` on (default: from the start) for which `matches`. */
  waitFor<E extends Stamped>(matches: (event: Stamped) => event is E, what: string, options?: WaitOptions): Promise<E>
  waitFor(matches: (event: Stamped) => boolean, what: string, options?: WaitOptions): Promise<Stamped>
  /** The first event of this type. */
  next<T extends Stamped['type']>(type: T, options?: WaitOptions): Promise<Of<T>>
  status(): Promise<Status>
  /** `autoup COMMAND NAME --state-dir … ARGS`, to its end. */
  cli(command: string, ...args: string[]): Promise<Finished>
  signal(signal: NodeJS.Signals): void
  kill9(): Promise<void>
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | NodeJS.Signals>
  /** What there is to say when a test fails. */
  story(): string
}

export interface WaitOptions {
  since?: number
  deadlineMs?: number
}

/** Starts a master; does not wait for anything. */
export async function startMaster(options: MasterOptions = {}): Promise<Master> {
  const name = options.name ?? 'app'
  const stateDir = options.stateDir ?? temporaryDirectory()
  const home = join(stateDir, name)
  const logs = temporaryDirectory()
  const out = join(logs, 'stdout')
  const err = join(logs, 'stderr')
  const child = launch(options, name, stateDir, out, err)
  const events: Stamped[] = []
  const output: string[] = []
  const leaders: Leader[] = []
  const watchers = new Set<() => void>()
  let isGone = false

  const tails: Tail[] = [
    tail(err, (line) => {
      const event = parse(line)
      if (!event) output.push(line)
      else events.push(event)
      const leader = event?.type === 'worker-started' ? readProcess(event.pid) : null
      if (leader) leaders.push(leader)
      for (const watcher of [...watchers]) watcher()
    }),
    tail(out, (line) => output.push(line)),
  ]
  const exited = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      for (const each of tails) each.look()
      isGone = true
      for (const watcher of [...watchers]) watcher()
      resolve(code ?? signal ?? -1)
    })
  })
  exited.catch(() => {})
  onEnd(async () => {
    if (!isGone) child.kill('SIGKILL')
    await exited
    for (const each of tails) each.close()
    await endAll(stateDir, leaders)
  })
  const pid = child.pid
  if (pid === undefined) throw await exited

  function story(): string {
    const shown = events.slice(-SHOWN_EVENTS).map((event) => `  ${JSON.stringify(event)}`)
    return [
      'the last events:',
      ...shown,
      'the last output:',
      ...output.slice(-SHOWN_OUTPUT).map((line) => `  ${line}`),
    ].join('\n')
  }

  function waitFor(matches: (event: Stamped) => boolean, what: string, wait: WaitOptions = {}): Promise<Stamped> {
    const { deadlineMs = DEADLINE_MS } = wait
    let at = wait.since ?? 0
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => end(null, `no ${what} in ${deadlineMs} ms`), deadlineMs)
      function end(found: Stamped | null, why: string): void {
        clearTimeout(timer)
        watchers.delete(look)
        if (found) resolve(found)
        else reject(new Error(`${why}; ${story()}`))
      }
      function look(): void {
        for (; at < events.length; at++) {
          const event = events[at]!
          if (!matches(event)) continue
          end(event, '')
          return
        }
        if (isGone) end(null, `the master ended before ${what}`)
      }
      watchers.add(look)
      for (const each of tails) each.look()
      look()
    })
  }

  async function cli(command: string, ...args: string[]): Promise<Finished> {
    const { cwd, env, program } = options
    return autoup([command, name, '--state-dir', stateDir, ...args], { cwd, env, program })
  }

  return {
    pid,
    name,
    stateDir,
    home,
    events,
    output,
    exited,
    mark: () => {
      for (const each of tails) each.look()
      return events.length
    },
    waitFor: waitFor as Master['waitFor'],
    next: (type, wait) => waitFor((event) => event.type === type, type, wait) as Promise<never>,
    async status() {
      const { code, stdout, stderr } = await cli('status', '--json')
      if (code !== 0) throw new Error(`status ended with ${code}: ${stderr}; ${story()}`)
      return JSON.parse(stdout) as Status
    },
    cli,
    signal: (signal) => kill(pid, signal),
    async kill9() {
      kill(pid, 'SIGKILL')
      await exited
    },
    stop() {
      kill(pid, 'SIGTERM')
      return exited
    },
    story,
  }
}

/** Runs the program to its end. Killed when it takes longer than `deadlineMs`. */
export function autoup(
  args: string[],
  options: {
    cwd?: string | undefined
    env?: Record<string, string> | undefined
    deadlineMs?: number
    program?: string | undefined
  } = {},
): Promise<Finished> {
  // To files and not by pipes: at its end all is there, also where a worker that lives on holds them.
  const directory = mkdtempSync(join(tmpdir(), 'au-'))
  const [out, err] = [join(directory, 'out'), join(directory, 'err')]
  const descriptors = [openSync(out, 'a'), openSync(err, 'a')] as const
  return new Promise<Finished>((resolve, reject) => {
    const child = spawn(process.execPath, [options.program ?? AUTOUP, ...args], {
      cwd: options.cwd,
      env: environment(options.env),
      stdio: ['ignore', ...descriptors],
      timeout: options.deadlineMs ?? DEADLINE_MS,
      killSignal: 'SIGKILL',
    })
    child.on('error', reject)
    child.on('exit', (code) => resolve({ code, stdout: readFileSync(out, 'utf8'), stderr: readFileSync(err, 'utf8') }))
  }).finally(() => {
    for (const descriptor of descriptors) closeSync(descriptor)
    rmSync(directory, { recursive: true, force: true })
  })
}

/** All that a master has said: events and other lines. */
export function said(master: Master): string {
  return [...master.output, ...master.events.map((event) => JSON.stringify(event))].join('\n')
}

/** A directory of the test's own, removed when it ends. Short, for the sake of unix socket paths. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'au-'))
  onEnd(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }))
  return directory
}

/** Nothing of the test runner's, nothing of a supervisor's. */
function environment(added: Record<string, string> | undefined): Record<string, string> {
  const { PATH = '', HOME = '/', LANG = 'C.UTF-8' } = process.env
  return { PATH: `${PATH}:/usr/sbin:/sbin`, HOME, LANG, ...added }
}

function launch(options: MasterOptions, name: string, stateDir: string, out: string, err: string): ChildProcess {
  const { program: autoupProgram = AUTOUP } = options
  if (!existsSync(autoupProgram)) throw new Error(`${autoupProgram} is missing: run \`npm run build\``)
  mkdirSync(stateDir, { recursive: true })
  const flags = ['run', '--name', name, '--state-dir', stateDir, '--log-format', 'json', ...(options.args ?? [])]
  const command = options.command ? ['--', ...options.command] : []
  const own = options.embedded ?? [process.execPath, autoupProgram, ...flags, ...command]
  const [program, ...args] = [...(options.through ?? []), ...own]
  const stdout = openSync(out, 'a')
  const stderr = openSync(err, 'a')
  try {
    const env = environment(options.env)
    return spawn(program!, args, { cwd: options.cwd, env, detached: true, stdio: ['ignore', stdout, stderr] })
  } finally {
    closeSync(stdout)
    closeSync(stderr)
  }
}

function parse(line: string): Stamped | null {
  // A worker may have begun a line of its own on the same descriptor.
  const begin = line.indexOf('{"at":"')
  if (begin < 0) return null
  try {
    const value = JSON.parse(line.slice(begin)) as Stamped
    return typeof value.type === 'string' && typeof value.sequence === 'number' ? value : null
  } catch {
    return null
  }
}
