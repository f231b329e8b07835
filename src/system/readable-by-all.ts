/**
 * Whether anybody at all could read a file or list a folder, going by modes (path_resolution(7)). A right that an ACL
 * gives or takes is not seen.
 */

import { realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

const READ = 0o004
const SEARCH = 0o001

/** True as well for what is not there: there is nothing to read. `path` is absolute. */
export function isReadableByAll(path: string): boolean {
  try {
    const real = realpathSync(path)
    const stats = statSync(real)
    const needed = stats.isDirectory() ? READ | SEARCH : READ
    return (stats.mode & needed) === needed && isReachable(path) && isReachable(real)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENOTDIR'
  }
}

/** By all of the folders above it. */
function isReachable(path: string): boolean {
  const parent = dirname(path)
  return parent === path || ((statSync(parent).mode & SEARCH) !== 0 && isReachable(parent))
}
