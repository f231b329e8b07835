/**
 * Who bears the mark of a state directory: what a master of it has started, and what that has. Anybody can write a mark
 * into his own environment, and what it says decides who is ended, whose sockets are taken and whether a master may
 * start at all. So only those are believed who are whom a master has children of: its own user, that of its workers,
 * those who spoke to the last master, also where they had changed their user by then, and stagers, whose group nobody
 * else has.
 */

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { StorePaths } from '../../store/layout.ts'
import { type FoundProcess, findByEnvironment } from '../../system/procfs.ts'
import { STRANGERS } from '../../system/stranger.ts'

/** `user` is whom workers run as now, if that is known and another one. */
export function bearersOf(
  { root, run }: Pick<StorePaths, 'root' | 'run'>,
  user: { readonly uid: number } | null,
): FoundProcess[] {
  const users = new Set([process.geteuid?.(), user?.uid, ...speakersOf(run)])
  return findByEnvironment('AUTOUP_STATE', root).filter(({ uid, gid }) => users.has(uid) || gid === STRANGERS)
}

/**
 * The owners of what lies beside the notify sockets of the last master, whose directory outlives it
 * (runtime-directory.ts).
 */
function speakersOf(run: string): readonly number[] {
  const files = list(run).flatMap((worker) => list(join(run, worker)).map((name) => join(run, worker, name)))
  return files.flatMap((file) => statSync(file, { throwIfNoEntry: false })?.uid ?? [])
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch {
    // There was no master, or its directory is gone.
    return []
  }
}
