/**
 * From a command line to a master that may start: the lock, the store, what a killed master left, the sockets. What
 * fails here fails with one sentence, before anything was started.
 */

import { existsSync } from 'node:fs'
import { COMMAND } from '../core/build.ts'
import { AutoupError, messageOf } from '../core/errors.ts'
import type { AutoupEvent } from '../core/events.ts'
import type { Ledger } from '../core/ledger.ts'
import type { Settings } from '../core/settings.ts'
import { createFolder, createStore, type StorePaths, storePaths } from '../store/layout.ts'
import { loadLedger, missingBuilds, repairLinks, saveLedger } from '../store/ledger-file.ts'
import { sweepTmp } from '../store/sweep.ts'
import { writeAtomically } from '../system/atomic.ts'
import { landlockAbi } from '../system/landlock.ts'
import { selfTest } from '../system/libc/self-test.ts'
import { type Listener, openListeners, readInherited } from '../system/listeners.ts'
import { acquireLock, type Lock } from '../system/lock.ts'
import type { User } from '../system/user.ts'
import { checkBuilds } from './check-builds.ts'
import { refuseFixedProbe, requireProof, workerUser } from './preconditions.ts'
import type { Stopping } from './signals.ts'
import { lend } from './stager/lend.ts'
import { sharedSpecs } from './workers/doors.ts'
import { resolveLaunch } from './workers/launch.ts'
import { drainOrphans, findLeft, isHeldByOthers, type Orphan, takeListenersBack } from './workers/orphans.ts'

const UNCONFINED =
  'this kernel has no Landlock (Linux 5.19 or later, with landlock among its lsm=): what unpacks a download is not kept from writing outside of the store'

const AS_ROOT =
  'what unpacks a download runs as root here, who may not become another user or start this program as one: it could change modes, owners and times of files outside of the store'

export interface Booted {
  readonly paths: StorePaths
  readonly lock: Lock
  readonly ledger: Ledger
  /** Whether it is on the disk. */
  readonly isRecorded: boolean
  readonly listeners: readonly Listener[]
  readonly orphans: readonly Orphan[]
  readonly user: User | null
}

/**
 * Throws AutoupError; then nothing is held and nothing was started. When it is to stop meanwhile, it comes back soon:
 * with the workers that are to be drained and without sockets.
 */
export async function boot(
  settings: Settings,
  stopping: Stopping,
  emit: (event: AutoupEvent) => void,
): Promise<Booted> {
  selfTest()
  const user = workerUser(settings)
  const paths = storePaths(settings.stateDir, settings.name)
  const { lock, trouble } = lockStore(paths)
  try {
    const { ledger: loaded, recovered } = await loadLedger(paths)
    const ledger =
      settings.source === null
        ? loaded
        : await checkBuilds(paths, loaded, stopping.isAsked, (message) => warn(emit, message))
    if (trouble && (settings.source === null || !ledger.committed)) throw trouble
    if (trouble) warn(emit, `${trouble.message}; the committed build boots all the same`)
    if (recovered) warn(emit, recovered)
    await tolerate(emit, () => {
      repairLinks(paths, ledger)
      for (const id of missingBuilds(paths, ledger)) warn(emit, `the build ${id} is recorded but not in the store`)
    })
    if (settings.source === null) resolveLaunch(paths, COMMAND, settings)
    else warnOfStager(paths, emit)
    const booted = await openSockets(settings, { paths, lock, ledger, user }, stopping, emit)
    // Only now has the stager of a killed master been ended.
    await tolerate(emit, () => sweepTmp(paths, stopping.isAsked))
    return booted
  } catch (error) {
    lock.release()
    throw error
  }
}

/** What does not hold here of what docs/plugins.md says. */
function warnOfStager(paths: StorePaths, emit: (event: AutoupEvent) => void): void {
  if (landlockAbi() === 0) warn(emit, UNCONFINED)
  if (process.getuid?.() === 0 && !lend(paths.tmp)) warn(emit, AS_ROOT)
}

type BeforeSockets = Pick<Booted, 'paths' | 'lock' | 'ledger' | 'user'>

async function openSockets(
  settings: Settings,
  before: BeforeSockets,
  { isAsked, isUrgent }: Stopping,
  emit: (event: AutoupEvent) => void,
): Promise<Booted> {
  const { paths, ledger, user } = before
  refuseFixedProbe(settings)
  const inherited = readInherited(process.env, process.pid)
  const specs = sharedSpecs(settings.listen)
  const left = findLeft(paths, ledger, specs, user)
  let { orphans } = left
  if (orphans.length > 0) emit({ type: 'orphans-found', pids: orphans.map(({ pid }) => pid) })
  if (isAsked.aborted) return { ...before, isRecorded: true, listeners: [], orphans }
  const taken = takeListenersBack(left)
  if (isHeldByOthers(left.listeners, taken)) {
    warn(emit, 'the sockets of the workers that a killed master left cannot be taken back here: they are drained first')
    await drainOrphans(orphans, settings, isUrgent)
    if (isAsked.aborted) return { ...before, isRecorded: true, listeners: [], orphans: [] }
    orphans = []
  }
  const listeners = openListeners(specs, inherited, taken)
  requireProof(settings, listeners.length, (message) => warn(emit, message))
  for (const { name, shown: address, how } of listeners) emit({ type: 'listening', name, address, how })
  const next = { ...ledger, listeners: recordOf(listeners) }
  const isRecorded = await tolerate(emit, () => saveLedger(paths, next))
  await tolerate(emit, () => writeAtomically(paths.pid, `${process.pid}\n`, 0o644))
  return { ...before, ledger: next, isRecorded, listeners, orphans }
}

/** What a later master needs to find the sockets again. Inherited ones come back by themselves. */
export function recordOf(listeners: readonly Listener[]): Ledger['listeners'] {
  return listeners.filter((listener) => listener.how !== 'inherited').map(({ address, inode }) => ({ address, inode }))
}

/**
 * The lock comes before anything else is touched: another master's temporary files are not ours to sweep. A store that
 * cannot be written keeps nobody from booting what was committed in it.
 */
function lockStore(paths: StorePaths): { readonly lock: Lock; readonly trouble: AutoupError | null } {
  const rootTrouble = attempt(() => createFolder(paths.root, 0o755))
  if (rootTrouble && !existsSync(paths.root)) throw rootTrouble
  const lock = acquireLock(paths.lock)
  return { lock, trouble: rootTrouble ?? attempt(() => createStore(paths)) }
}

function attempt(work: () => void): AutoupError | null {
  try {
    work()
    return null
  } catch (error) {
    if (error instanceof AutoupError && error.code === 'failed') return error
    throw error
  }
}

/** Whether it went well. */
async function tolerate(emit: (event: AutoupEvent) => void, work: () => void | Promise<void>): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    warn(emit, messageOf(error))
    return false
  }
}

function warn(emit: (event: AutoupEvent) => void, message: string): void {
  emit({ type: 'warning', message })
}
