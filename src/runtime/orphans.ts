/**
 * The workers of a killed master. They serve on without it; a new master finds them in /proc, never by a pid from
 * disk: by the state directory in their environment, or, where they have written their title over that, by the
 * sockets they hold. Their listeners are taken back with pidfd_getfd(2), so that no connection is refused meanwhile.
 */

import type { Build } from '../core/build.ts'
import type { Ledger } from '../core/ledger.ts'
import { killSession } from '../system/kill-session.ts'
import { environmentOf, findByEnvironment, holdersOf, isAlive, readStat } from '../system/procfs.ts'
import { listeningSockets } from '../system/serving.ts'
import { takeBack } from '../system/take-back.ts'

export interface Orphan {
  /** The main process: the leader of its session, or its oldest member. */
  readonly pid: number
  readonly build: Build
}

/** Ends the stagers, probes and hooks of the dead master, and returns its workers. */
export function findOrphans(root: string, ledger: Ledger): readonly Orphan[] {
  const marked = findByEnvironment('AUTOUP_STATE', root).map(({ pid }) => pid)
  const holders = holdersOf(new Set(stillListening(ledger).map(({ inode }) => inode)))
  const sessions = new Map<number, number[]>()
  for (const pid of new Set([...marked, ...holders])) {
    const stat = readStat(pid)
    if (!stat || pid === process.pid || !isAlive(pid)) continue
    sessions.set(stat.session, [...(sessions.get(stat.session) ?? []), pid])
  }
  return [...sessions].flatMap(([session, members]) => orphanOf(session, members, new Set(holders)))
}

/** Address → descriptor, ours now. What the kernel does not give back is missing. */
export function takeListenersBack(ledger: Ledger, orphans: readonly Orphan[]): Map<string, number> {
  const wanted = new Map(stillListening(ledger).map(({ address, inode }) => [address, inode]))
  const holders = holdersOf(new Set(wanted.values())).filter((pid) => pid !== process.pid)
  return takeBack([...orphans.map(({ pid }) => pid), ...holders], wanted)
}

/** Whether a socket of ours lives on where the kernel does not let us reach it. */
export function isHeldByOthers(ledger: Ledger, taken: ReadonlyMap<string, number>): boolean {
  const missing = stillListening(ledger).flatMap(({ address, inode }) => (taken.has(address) ? [] : [inode]))
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
    if (typeof place === 'string') return address === `unix:${place}`
    return place !== undefined && isPortOf(address, place)
  })
}

/** `127.0.0.1:0` got any port. */
function isPortOf(address: string, port: number): boolean {
  const asked = Number(address.slice(address.lastIndexOf(':') + 1))
  return asked === port || asked === 0
}

function orphanOf(session: number, members: readonly number[], holders: ReadonlySet<number>): Orphan[] {
  const environments = members.map((pid) => environmentOf(pid))
  const environment = environments.find((env) => env?.has('AUTOUP_NOTIFY'))
  if (!environment && !members.some((pid) => holders.has(pid))) {
    const leader = readStat(session)
    if (leader) killSession(session, leader.startTicks)
    return []
  }
  const id = environment?.get('AUTOUP_BUILD') ?? 'unknown'
  const version = environment?.get('AUTOUP_VERSION') ?? ''
  const pid = isAlive(session) ? session : Math.min(...members)
  return [{ pid, build: { id, version, stagedAt: '', committedAt: null, proofs: [] } }]
}
