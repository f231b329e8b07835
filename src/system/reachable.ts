/**
 * Whether another user gets to a file: may enter each folder on the way and read what is at its end
 * (path_resolution(7)). By the modes alone, for who a child is before it is started; it has no supplementary groups.
 */

import { realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

const READ = 4
const ENTER = 1

export function isReachable(path: string, user: { readonly uid: number; readonly gid: number }): boolean {
  if (user.uid === 0) return true
  try {
    let at = realpathSync(path)
    if (!may(at, READ, user)) return false
    for (; dirname(at) !== at; at = dirname(at)) if (!may(dirname(at), ENTER, user)) return false
    return true
  } catch {
    return false
  }
}

/** The first class that fits decides, even where a later one has more. */
function may(path: string, bit: number, { uid, gid }: { readonly uid: number; readonly gid: number }): boolean {
  const stat = statSync(path)
  const shift = stat.uid === uid ? 6 : stat.gid === gid ? 3 : 0
  return ((stat.mode >> shift) & bit) !== 0
}
