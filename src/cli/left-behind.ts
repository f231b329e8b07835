/**
 * Workers that a killed master has left: they serve on, so "is not running" alone would be half of the truth. Looked
 * for in /proc, and only when a command has found no master.
 */

import { join } from 'node:path'
import { livingMaster } from '../runtime/master-mark.ts'
import { bearersOf } from '../runtime/workers/bearers.ts'

/** A sentence without its beginning, or null where nothing was left; the directories are `<state-dir>/<name>`. */
export function leftBehind(directories: readonly string[]): string | null {
  const pids = directories
    .flatMap((directory) => bearersOf({ root: directory, run: join(directory, 'run') }, null))
    .filter(({ env }) => livingMaster(env) === null)
    .map(({ pid }) => pid)
  if (pids.length === 0) return null
  return `workers of a killed master still serve (pid ${pids.join(', ')}): start it again, and it takes over their sockets`
}
