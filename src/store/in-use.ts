/**
 * Which builds living processes run from, asked of /proc, so that it holds for whatever is left of a killed master, of
 * a crashed worker, or of somebody's debugging: by the mark in the environment, else by the files of the build that a
 * process works in, runs, has mapped or open.
 */

import { realpathSync } from 'node:fs'
import { sep } from 'node:path'
import { setImmediate as breath } from 'node:timers/promises'
import type { BuildId } from '../core/build.ts'
import { filesInUse } from '../system/files-in-use.ts'
import { allPids, environmentOf } from '../system/procfs.ts'
import { isBuildId } from './build-file.ts'
import type { StorePaths } from './layout.ts'

/** So many processes are looked at in one turn of the loop. */
const PROCESSES_PER_TURN = 16

export async function buildsInUse(paths: StorePaths): Promise<Set<BuildId>> {
  const builds = new Set<BuildId>()
  const find = finder(paths)
  for (const [index, pid] of allPids().entries()) {
    if (index % PROCESSES_PER_TURN === 0) await breath()
    const build = pid === process.pid ? null : find(pid)
    if (build !== null) builds.add(build)
  }
  return builds
}

/** The build that a process runs from, or null where nothing tells. */
export function buildOfProcess(paths: StorePaths, pid: number): BuildId | null {
  return finder(paths)(pid)
}

function finder(paths: StorePaths): (pid: number) => BuildId | null {
  const folder = `${realPath(paths.builds)}${sep}`
  return (pid) => {
    const environment = environmentOf(pid)
    const marked = environment?.get('AUTOUP_STATE') === paths.root ? environment.get('AUTOUP_BUILD') : undefined
    if (marked !== undefined && isBuildId(marked)) return marked
    for (const path of filesInUse(pid)) {
      const id = path.startsWith(folder) ? path.slice(folder.length).split(sep, 1)[0] : undefined
      if (id !== undefined && isBuildId(id)) return id
    }
    return null
  }
}

/** The kernel knows no links. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
