/**
 * Where things are in the store of one service, `<state-dir>/<name>/`, and its creation. Builds and data can be
 * reached by a worker that runs as another user; what only the master may read is private to it.
 */

import { chmodSync, lchownSync, lstatSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { checkName } from '../core/name.ts'
import { sweepTemporaries } from '../system/atomic.ts'
import { storeTrouble } from './trouble.ts'

export interface StorePaths {
  readonly root: string
  /** One folder per build, named by its id. */
  readonly builds: string
  /** Links to `builds/<id>`; the ledger is the truth, they follow it. */
  readonly current: string
  readonly previous: string
  /** The ledger. */
  readonly state: string
  /** The app's own; nothing here is ever touched. */
  readonly data: string
  /** Swept at every start. */
  readonly tmp: string
  /** Builds that somebody has written into, kept for the operator. Made when needed. */
  readonly aside: string
  readonly lock: string
  readonly pid: string
  /** A link to the log of `autoup start`, wherever that is. */
  readonly log: string
  /** The log, where nothing else was said. */
  readonly ownLog: string
  readonly socket: string
  /** What Node workers load first; made when needed. */
  readonly preload: string
  /** A link to the directory of the notify sockets. */
  readonly run: string
}

const DATA_MODE = 0o755

/** `stateDir` is absolute. Throws AutoupError `usage` for a name that cannot be one. */
export function storePaths(stateDir: string, name: string): StorePaths {
  const root = join(stateDir, checkName(name))
  return {
    root,
    builds: join(root, 'builds'),
    current: join(root, 'current'),
    previous: join(root, 'previous'),
    state: join(root, 'state.json'),
    data: join(root, 'data'),
    tmp: join(root, 'tmp'),
    aside: join(root, 'aside'),
    lock: join(root, 'lock'),
    pid: join(root, 'master.pid'),
    log: join(root, 'log'),
    ownLog: join(root, 'service.log'),
    socket: join(root, 'control.sock'),
    preload: join(root, 'preload'),
    run: join(root, 'run'),
  }
}

/** Makes what is missing and proves that it can be written. Modes that an operator changed are left as they are. */
export function createStore(paths: StorePaths): void {
  createFolders(paths)
  const probe = join(paths.tmp, `.probe-${process.pid}`)
  try {
    // A new file: a stager may have left a link of that name.
    rmSync(probe, { force: true })
    writeFileSync(probe, 'autoup\n', { flag: 'wx' })
    sweepTemporaries(paths.root)
  } catch (cause) {
    throw storeTrouble('write', paths.root, cause)
  } finally {
    rmSync(probe, { force: true })
  }
}

/** Also under a running master: who removes its state directory loses what is in it, and no more. */
export function createFolders(paths: Pick<StorePaths, 'root' | 'builds' | 'data' | 'tmp'>): void {
  createFolder(paths.root, 0o755)
  createFolder(paths.builds, 0o755)
  createFolder(paths.data, DATA_MODE)
  createFolder(paths.tmp, 0o700)
}

/**
 * The app's own directory, handed over to the user whom it runs as while it still is as it was made; what an operator
 * has made of it is left. Where owners cannot be changed, the app is told so when it writes.
 */
export function dataFolderFor(
  { data }: Pick<StorePaths, 'data'>,
  user: { readonly uid: number; readonly gid: number } | null,
): string {
  if (user === null) return data
  const stats = lstatSync(data, { throwIfNoEntry: false })
  if (stats?.isDirectory() && stats.uid === process.geteuid?.() && (stats.mode & 0o7777) === DATA_MODE) {
    try {
      lchownSync(data, user.uid, user.gid)
    } catch {
      // A file system that knows no owners.
    }
  }
  return data
}

/** The mode is set by hand, also of parents: the umask of whoever starts autoup must not lock workers out. */
export function createFolder(path: string, mode: number): void {
  try {
    makeFolder(path, mode)
  } catch (cause) {
    throw storeTrouble('write', path, cause)
  }
}

/** Not `recursive`: with that Node 20 never comes back where even an existing folder answers ENOENT (/proc/1). */
function makeFolder(path: string, mode: number): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return
  if (dirname(path) !== path) makeFolder(dirname(path), 0o755)
  mkdirSync(path)
  chmodSync(path, mode)
}
