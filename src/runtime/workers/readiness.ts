/**
 * Whether a new worker serves, in every form of `--ready`. A watch begins when the process is started and ends with
 * `stop`; it says `ready` at most once. Deadlines are the core's. Nothing here goes by time but `uptime`, which is
 * asked for by name.
 */

import { unreachable } from '../../core/errors.ts'
import type { Ready } from '../../core/settings.ts'
import { type AwakeTimer, afterAwake } from '../../system/awake.ts'
import type { Listener } from '../../system/listeners.ts'
import { type ProbeTarget, probeExec, probeHttp, probeTcp } from '../../system/probe.ts'
import { type ServingProof, servesSocket } from '../../system/serving.ts'
import { type Doors, shareOf } from './doors.ts'
import { type Knocking, knock } from './knock.ts'

export interface ReadyWatch {
  /** READY=1 has arrived. */
  notified(): void
  stop(): void
}

export interface WatchContext {
  readonly pid: number
  readonly doors: Doors
  /** What `exec:` probes run with. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly user: { readonly uid: number; readonly gid: number } | null
}

/** A look at /proc costs a fraction of a millisecond; it gets rarer for workers that take long. */
const LOOK_FIRST_MS = 4
const LOOK_LAST_MS = 100
const PROBE_EVERY_MS = 50
const PROBE_TIMEOUT_MS = 5_000

export function watchReady(ready: Ready, context: WatchContext, onReady: (how: string) => void): ReadyWatch {
  let isOver = false
  let timer: NodeJS.Timeout | undefined
  let alive: AwakeTimer | null = null
  let knocking: Knocking | null = null
  const over = (): void => {
    isOver = true
    clearTimeout(timer)
    alive?.stop()
    knocking?.stop()
  }
  const say = (how: string): void => {
    if (isOver) return
    over()
    onReady(how)
  }
  const later = (ms: number, look: () => void): void => {
    if (!isOver) timer = setTimeout(look, ms)
  }
  const notified = (): void => {
    if (ready.kind === 'auto' || ready.kind === 'notify') say('READY=1')
  }
  switch (ready.kind) {
    case 'notify':
      break
    case 'uptime':
      alive = afterAwake(ready.ms, () => say(`alive for ${ready.ms} ms`))
      break
    case 'auto':
      knocking = knock(context.doors.listeners)
      watchProc(context, knocking, later, say)
      break
    case 'http':
    case 'tcp':
    case 'exec':
      watchProbe(ready, context, later, say)
      break
    default:
      return unreachable(ready)
  }
  return { notified, stop: over }
}

/**
 * Asks once in the form of `--ready`; null when all is well or when this form cannot be asked, else the reason. Rejects
 * when the asking itself failed for want of descriptors or memory, which says nothing of the worker.
 */
export async function probeOnce(ready: Ready, context: WatchContext): Promise<string | null> {
  const { env, cwd, user, doors } = context
  const target: ProbeTarget = { port: doors.probePort ?? 0 }
  switch (ready.kind) {
    case 'http':
      return await probeHttp(target, ready.path, PROBE_TIMEOUT_MS)
    case 'tcp':
      return await probeTcp(target, PROBE_TIMEOUT_MS)
    case 'exec':
      return await probeExec(ready.command, env, cwd, PROBE_TIMEOUT_MS, user)
    case 'auto':
    case 'notify':
    case 'uptime':
      return null
    default:
      return unreachable(ready)
  }
}

/** Whether this form can be asked again at any time, and so is asked all through probation. */
export function isProbe(ready: Ready): boolean {
  return ready.kind === 'http' || ready.kind === 'tcp' || ready.kind === 'exec'
}

type Later = (ms: number, look: () => void) => void

/** Seen to serve each socket that clients come to: its epoll watches it, or it has accepted a connection there. */
function watchProc({ pid, doors }: WatchContext, knocking: Knocking, later: Later, say: (how: string) => void): void {
  if (doors.listeners.length === 0) return later(0, () => say('it was started, and has no socket to show more'))
  let left = sharesOf(doors)
  let waitMs = LOOK_FIRST_MS
  let last: ServingProof | null = null
  const look = (): void => {
    left = left.filter((share) => {
      const proof = proofOf(pid, share)
      last = proof ?? last
      return proof === null
    })
    if (left.length === 0) return say(last === 'epoll' ? 'it waits on the socket' : 'it has accepted a connection')
    waitMs = Math.min(LOOK_LAST_MS, waitMs * 1.02)
    later(knocking.next(waitMs), look)
  }
  later(waitMs, look)
}

/** The listeners that clients come to and nobody serves; sockets of other kinds count where there are no such. */
export function unserved(pid: number, doors: Doors): readonly Listener[] {
  return sharesOf(doors)
    .filter((share) => proofOf(pid, share) === null)
    .flatMap(({ listeners }) => listeners)
}

/** What has to be seen to be served, one by one. */
type Share = Pick<Doors, 'listeners' | 'inodes' | 'ports' | 'paths'>

function sharesOf(doors: Doors): readonly Share[] {
  const own = doors.listeners.filter(({ family }) => family !== 'other')
  return own.length === 0 ? [doors] : own.map((listener) => shareOf([listener]))
}

function proofOf(pid: number, { inodes, ports, paths }: Share): ServingProof | null {
  return servesSocket(pid, inodes, ports, paths)
}

function watchProbe(ready: Ready, context: WatchContext, later: Later, say: (how: string) => void): void {
  const ask = (): void => {
    void probeOnce(ready, context).then(
      (reason) => {
        if (reason === null)
          say(ready.kind === 'exec' ? 'its command says so' : `it answers on ${context.doors.probePort}`)
        else later(PROBE_EVERY_MS, ask)
      },
      () => later(PROBE_EVERY_MS, ask),
    )
  }
  ask()
}
