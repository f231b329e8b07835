/**
 * The store's tmp, lent to the stager: where the master is root, a stager runs as a user who owns nothing but what it
 * makes there (stranger.ts). Nobody can rename or remove what another one has made (the sticky bit of inode(7)), so the
 * master, who cleans up after each, is led nowhere. What is staged comes back when it is sealed (store/seal.ts).
 */

import { chmodSync, chownSync, lchownSync, lstatSync, readdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../../core/errors.ts'
import { PARTIAL_PREFIX } from '../../store/partial-file.ts'
import { knowsStrangers, STRANGERS } from '../../system/stranger.ts'

const LENT_MODE = 0o1770

/** Whether a stager is to be a user of its own; not where the master is not root, or may not change users here. */
export function lend(tmp: string): boolean {
  if (!knowsStrangers() || !isForAll(process.execPath)) return false
  try {
    const { gid, mode } = statSync(tmp)
    if (gid !== STRANGERS) chownSync(tmp, 0, STRANGERS)
    if ((mode & 0o7777) !== LENT_MODE) chmodSync(tmp, LENT_MODE)
    return true
  } catch {
    // A user namespace without these users, or a file system that knows no owners.
    return false
  }
}

/** What another one has left there is this one's to go on with. */
export function handPartials(tmp: string, user: number): void {
  for (const name of readdirSync(tmp).filter((each) => each.startsWith(PARTIAL_PREFIX))) {
    try {
      hand(tmp, join(tmp, name), user)
    } catch (error) {
      // Another stager was faster.
      if (errnoOf(error) !== 'ENOENT') throw error
    }
  }
}

function hand(tmp: string, path: string, user: number): void {
  const stats = lstatSync(path)
  // Nothing but a file of one name: by a second one, what is somebody else's would become the stager's.
  if (stats.isFile() && stats.nlink === 1) lchownSync(path, user, STRANGERS)
  // Not removed, for who made a folder could lead whoever goes through it elsewhere. It waits for the sweep at the
  // start.
  else renameSync(path, join(tmp, `stray-${crypto.randomUUID()}`))
}

/** It has to start Node, or this very program, as somebody else. */
function isForAll(program: string): boolean {
  return ((statSync(program, { throwIfNoEntry: false })?.mode ?? 0) & 0o001) !== 0
}
