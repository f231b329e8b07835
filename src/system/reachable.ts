/**
 * Whether another user gets to a file or folder: may enter each folder on the way and read what is at its end
 * (path_resolution(7)). By the modes alone: a right that an ACL gives or takes is not seen.
 */

import { realpathSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'

const READ = 4
const ENTER = 1

/** One who is not started yet, and has no supplementary groups. */
interface Stranger {
  readonly uid: number
  readonly gid: number
}

/** Owner of nothing, and in no group. */
const ANYBODY: Stranger = { uid: -1, gid: -1 }

/** `path` is absolute. */
export function isReachable(path: string, user: Stranger): boolean {
  if (user.uid === 0) return true
  try {
    return reaches(path, user)
  } catch {
    return false
  }
}

/** True as well for what is not there: there is nothing to read. `path` is absolute. */
export function isReadableByAll(path: string): boolean {
  try {
    return reaches(path, ANYBODY)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENOTDIR'
  }
}

function reaches(path: string, user: Stranger): boolean {
  const real = realpathSync(path)
  const stats = statSync(real)
  return may(stats, stats.isDirectory() ? READ | ENTER : READ, user) && mayCome(path, user) && mayCome(real, user)
}

/** Through all of the folders above it. */
function mayCome(path: string, user: Stranger): boolean {
  const parent = dirname(path)
  return parent === path || (may(statSync(parent), ENTER, user) && mayCome(parent, user))
}

/** The first class that fits decides, even where a later one has more. */
function may({ uid, gid, mode }: Stats, bits: number, user: Stranger): boolean {
  const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0
  return ((mode >> shift) & bits) === bits
}
