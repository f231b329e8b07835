/**
 * The workers of a killed master. They serve on without it; a new master finds them in /proc, never by a pid from disk:
 * by the state directory in their environment, or, where they have written their title over that, by the sockets they
 * hold and the build they run from. Their listeners are taken back with pidfd_getfd(2), so that no connection is
 * refused meanwhile. What a living master has is nobody's orphan, though the lock says nothing of it: its state
 * directory may have been removed or moved away since, and that of this master may be a copy.
 */

import { readFileSync } from 'node:fs'
import { formatAddress, type ListenSpec } from '../../core/address.ts'
import type { Build } from '../../core/build.ts'
import { AutoupError } from '../../core/errors.ts'
import type { Ledger } from '../../core/ledger.ts'
import type { Settings } from '../../core/settings.ts'
import { readBuild } from '../../store/build-file.ts'
import { buildOfProcess } from '../../store/in-use.ts'
import type { StorePaths } from '../../store/layout.ts'
import { afterAwake } from '../../system/awake.ts'
import { isBoundTo, type Place } from '../../system/describe-socket.ts'
import { killSession, sessionMembers } from '../../system/kill-session.ts'
import { environmentOf, holdersOf, isAlive, readStat, socketInodes, socketsOf, treeOf } from '../../system/procfs.ts'
import { listeningSockets } from '../../system/socket-tables.ts'
import { takeBack } from '../../system/take-back.ts'
import { livingMaster } from '../master-mark.ts'
import { bearersOf } from './bearers.ts'
import { drainSignalOf, launchOfOrphan } from './launch.ts'
import { Leftovers } from './leftovers.ts'
import { trackStranger } from './process.ts'

export interface Orphan {
  /** The main process: the leader of its session, or its oldest member. */
  readonly pid: number
  readonly build: Build
}

/** What a killed master has left. */
export interface Left {
  readonly orphans: readonly Orphan[]
  /**
   * The sockets that still listen: by the record, and where none could be written, those that orphans have at `specs`.
   */
  readonly listeners: Ledger['listeners']
}

/**
 * Ends the stagers, probes and hooks of the dead master, and finds its workers and its sockets. Throws AutoupError
 * `locked` when it lives.
 */
export function findLeft(
  paths: StorePaths,
  ledger: Ledger,
  specs: readonly ListenSpec[],
  user: { readonly uid: number } | null,
): Left {
  const places = listeningSockets()
  const recorded = stillListening(paths, ledger, places)
  const unrecorded = [...places].flatMap(([inode, place]) => {
    const spec = specs.find(({ address }) => isBoundTo(place, address))
    const address = spec && formatAddress(spec.address)
    return address === undefined || recorded.some((each) => each.address === address) ? [] : [{ address, inode }]
  })
  const found = bearersOf(paths, user)
  for (const { env } of found) refuseLiving(paths, livingMaster(env))
  const marked = new Set(found.map(({ pid }) => pid))
  const holders = new Set([
    ...holdersOf(inodesOf(recorded)),
    ...unrecorded.flatMap(({ inode }) => unmarkedWorkers(paths, inode, marked)),
  ])
  const orphans = [...sessionsOf([...marked, ...holders])].flatMap(([session, members]) =>
    orphanOf(paths, session, members, holders),
  )
  if (unrecorded.length === 0 || orphans.length === 0) return { orphans, listeners: recorded }
  const held = socketsOf(orphans.flatMap(({ pid }) => treeOf(pid)))
  return { orphans, listeners: [...recorded, ...unrecorded.filter(({ inode }) => held.has(inode))] }
}

/** Of the living ones, by session; never that of this master, which a bystander may share. */
function sessionsOf(pids: readonly number[]): Map<number, number[]> {
  const own = readStat(process.pid)?.session
  const sessions = new Map<number, number[]>()
  for (const pid of new Set(pids)) {
    const stat = readStat(pid)
    if (!stat || stat.session === own || !isAlive(pid)) continue
    sessions.set(stat.session, [...(sessions.get(stat.session) ?? []), pid])
  }
  return sessions
}

/** Who holds this socket, if all of them run from builds of ours and nobody has started them at a terminal. */
function unmarkedWorkers(paths: StorePaths, inode: number, marked: ReadonlySet<number>): readonly number[] {
  const holders = holdersOf(new Set([inode])).filter((pid) => !marked.has(pid))
  const areOurs = holders.every((pid) => readStat(pid)?.terminal === 0 && buildOfProcess(paths, pid) !== null)
  return areOurs ? holders : []
}

function inodesOf(listeners: Ledger['listeners']): Set<number> {
  return new Set(listeners.map(({ inode }) => inode))
}

/** Address → descriptor, ours now. What the kernel does not give back is missing. */
export function takeListenersBack({ listeners, orphans }: Left): Map<string, number> {
  const wanted = new Map(listeners.map(({ address, inode }) => [address, inode]))
  const holders = holdersOf(inodesOf(listeners)).filter((pid) => pid !== process.pid)
  return takeBack([...orphans.map(({ pid }) => pid), ...holders], wanted)
}

/** Whether a socket of ours lives on where the kernel does not let us reach it. */
export function isHeldByOthers(listeners: Ledger['listeners'], taken: ReadonlyMap<string, number>): boolean {
  const missing = inodesOf(listeners.filter(({ address }) => !taken.has(address)))
  return missing.size > 0 && holdersOf(missing).some((pid) => pid !== process.pid)
}

/**
 * The listeners of the ledger that still are what they were, and that no living master has. Inodes of sockets are
 * counted anew with each boot of the machine, so the number alone may be a stranger's by now, who would be robbed and
 * drained.
 */
function stillListening(
  paths: StorePaths,
  { listeners }: Ledger,
  places: ReadonlyMap<number, Place>,
): Ledger['listeners'] {
  const writer = writerOf(paths)
  const kept = writer === null || writer === process.pid ? null : socketInodes(writer)
  return listeners.filter(({ address, inode }) => {
    const place = places.get(inode)
    if (!place || kept?.has(inode)) return false
    return place.port === null ? address === `unix:${place.path}` : isPortOf(address, place.port)
  })
}

/** The master that wrote this store last: a number that says nothing, unless that process holds our sockets. */
function writerOf({ pid }: StorePaths): number | null {
  try {
    return Number(readFileSync(pid, 'utf8'))
  } catch {
    return null
  }
}

function refuseLiving({ root }: StorePaths, master: number | null): void {
  if (master === null) return
  const advice = `stop that one first (kill ${master}), or give another --name`
  throw new AutoupError(
    'locked',
    `${root} was replaced under process ${master}, which still runs this service: ${advice}`,
    {
      data: { path: root, pid: master },
    },
  )
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
    // The number of a session is not given away while a member lives.
    killSession(session, readStat(session)?.startTicks ?? 0)
    return []
  }
  const pid = isAlive(session) ? session : Math.min(...members)
  const seen = () => [pid, ...members].flatMap((member) => buildOfProcess(paths, member) ?? [])[0]
  const id = environment?.get('AUTOUP_BUILD') ?? seen() ?? 'unknown'
  const version = environment?.get('AUTOUP_VERSION') ?? readBuild(paths, id)?.version ?? ''
  return [{ pid, build: { id, version, stagedAt: '', committedAt: null, proofs: [] } }]
}

/**
 * Asks them to finish and waits until nothing of their sessions is left; kills what is left at the timeout, or when
 * nobody is to wait any more.
 */
export async function drainOrphans(
  orphans: readonly Orphan[],
  settings: Pick<Settings, 'command' | 'drainSignal' | 'drainTimeoutMs'>,
  isUrgent: AbortSignal,
): Promise<void> {
  const tracked = orphans.flatMap(({ pid }) => trackStranger(pid) ?? [])
  const ends = tracked.map(async (process) => {
    const signal = drainSignalOf(settings, launchOfOrphan(process.pid, settings))
    process.signal(signal)
    await process.exited
    const { pid, startTicks } = process.session ?? process
    await new Leftovers(() => sessionMembers(pid, startTicks), signal).gone
  })
  const killAll = (): void => {
    for (const process of tracked) process.killGroup()
  }
  const deadline = afterAwake(settings.drainTimeoutMs, killAll)
  isUrgent.addEventListener('abort', killAll)
  if (isUrgent.aborted) killAll()
  await Promise.all(ends)
  deadline.stop()
  // Later these numbers may be a stranger's.
  isUrgent.removeEventListener('abort', killAll)
}
