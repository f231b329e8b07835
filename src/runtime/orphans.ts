/**
 * The workers of a killed master. They serve on without it; a new master finds them in /proc, never by a pid from
 * disk: by the state directory in their environment, or, where they have written their title over that, by the
 * sockets they hold. Their listeners are taken back with pidfd_getfd(2), so that no connection is refused meanwhile.
 */

import { formatAddress, type ListenSpec } from '../core/address.ts'
import type { Build } from '../core/build.ts'
import type { Ledger } from '../core/ledger.ts'
import { readBuild } from '../store/build-file.ts'
import { buildOfProcess } from '../store/in-use.ts'
import type { StorePaths } from '../store/layout.ts'
import { isBoundTo } from '../system/describe-socket.ts'
import { killSession } from '../system/kill-session.ts'
import {
  environmentOf,
  findByEnvironment,
  holdersOf,
  isAlive,
  readStat,
  socketInodes,
  treeOf,
} from '../system/procfs.ts'
import { listeningSockets } from '../system/serving.ts'
import { takeBack } from '../system/take-back.ts'
import { trackStranger } from './process.ts'

export interface Orphan {
  /** The main process: the leader of its session, or its oldest member. */
  readonly pid: number
  readonly build: Build
}

/** Ends the stagers, probes and hooks of the dead master, and returns its workers. */
export function findOrphans(paths: StorePaths, ledger: Ledger): readonly Orphan[] {
  const marked = findByEnvironment('AUTOUP_STATE', paths.root).map(({ pid }) => pid)
  const holders = holdersOf(new Set(stillListening(ledger).map(({ inode }) => inode)))
  const sessions = new Map<number, number[]>()
  for (const pid of new Set([...marked, ...holders])) {
    const stat = readStat(pid)
    if (!stat || pid === process.pid || !isAlive(pid)) continue
    sessions.set(stat.session, [...(sessions.get(stat.session) ?? []), pid])
  }
  return [...sessions].flatMap(([session, members]) => orphanOf(paths, session, members, new Set(holders)))
}

/**
 * The sockets of the dead master that still listen: by its record, and where it could write none, those that its workers
 * hold at the addresses asked for.
 */
export function findListeners(
  ledger: Ledger,
  orphans: readonly Orphan[],
  specs: readonly ListenSpec[],
): Ledger['listeners'] {
  const recorded = stillListening(ledger)
  const unknown = specs.filter(({ address }) => !recorded.some((each) => each.address === formatAddress(address)))
  if (unknown.length === 0 || orphans.length === 0) return recorded
  const places = listeningSockets()
  const held = new Set(orphans.flatMap(({ pid }) => treeOf(pid)).flatMap((pid) => [...socketInodes(pid)]))
  const found = unknown.flatMap(({ address }) => {
    const socket = [...places].find(([inode, place]) => held.has(inode) && isBoundTo(place, address))
    return socket ? [{ address: formatAddress(address), inode: socket[0] }] : []
  })
  return [...recorded, ...found]
}

/** Address → descriptor, ours now. What the kernel does not give back is missing. */
export function takeListenersBack(listeners: Ledger['listeners'], orphans: readonly Orphan[]): Map<string, number> {
  const wanted = new Map(listeners.map(({ address, inode }) => [address, inode]))
  const holders = holdersOf(new Set(wanted.values())).filter((pid) => pid !== process.pid)
  return takeBack([...orphans.map(({ pid }) => pid), ...holders], wanted)
}

/** Whether a socket of ours lives on where the kernel does not let us reach it. */
export function isHeldByOthers(listeners: Ledger['listeners'], taken: ReadonlyMap<string, number>): boolean {
  const missing = listeners.flatMap(({ address, inode }) => (taken.has(address) ? [] : [inode]))
  return missing.length > 0 && holdersOf(new Set(missing)).some((pid) => pid !== process.pid)
}

/**
 * The listeners of the ledger that still are what they were. Inodes of sockets are counted anew with each boot of the
 * machine, so the number alone may be a stranger's by now, who would be robbed and drained.
 */
function stillListening({ listeners }: Ledger): Ledger['listeners'] {
  if (listeners.length === 0) return []
  const sockets = listeningSockets()
  return listeners.filter(({ address, inode }) => {
    const place = sockets.get(inode)
    if (!place) return false
    return place.port === null ? address === `unix:${place.path}` : isPortOf(address, place.port)
  })
}

/** `127.0.0.1:0` got any port. */
function isPortOf(address: string, port: number): boolean {
  const asked = Number(address.slice(address.lastIndexOf(':') + 1))
  return asked === port || asked === 0
}

function orphanOf(
  paths: StorePaths,
  session: number,
  members: readonly number[],
  holders: ReadonlySet<number>,
): Orphan[] {
  const environments = members.map((pid) => environmentOf(pid))
  const environment = environments.find((env) => env?.has('AUTOUP_NOTIFY'))
  if (!environment && !members.some((pid) => holders.has(pid))) {
    const leader = readStat(session)
    if (leader) killSession(session, leader.startTicks)
    return []
  }
  const pid = isAlive(session) ? session : Math.min(...members)
  const seen = () => [pid, ...members].flatMap((member) => buildOfProcess(paths, member) ?? [])[0]
  const id = environment?.get('AUTOUP_BUILD') ?? seen() ?? 'unknown'
  const version = environment?.get('AUTOUP_VERSION') ?? readBuild(paths, id)?.version ?? ''
  return [{ pid, build: { id, version, stagedAt: '', committedAt: null, proofs: [] } }]
}

/** Asks them to finish and waits until they have; ends them at the timeout, or when nobody is to wait any more. */
export async function drainOrphans(
  orphans: readonly Orphan[],
  timeoutMs: number,
  isUrgent: AbortSignal,
): Promise<void> {
  const tracked = orphans.flatMap(({ pid }) => trackStranger(pid) ?? [])
  for (const process of tracked) process.signal('SIGTERM')
  const killAll = (): void => {
    for (const process of tracked) if (isAlive(process.pid, process.startTicks)) process.killGroup()
  }
  const timer = setTimeout(killAll, timeoutMs)
  isUrgent.addEventListener('abort', killAll)
  if (isUrgent.aborted) killAll()
  await Promise.all(tracked.map((process) => process.exited))
  clearTimeout(timer)
}
