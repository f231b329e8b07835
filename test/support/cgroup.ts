/** Groups of processes of the kernel (cgroups(7)), made for one test. */

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onEnd } from './on-end.ts'
import { until } from './until.ts'

/** Where those of version 2 are, alone or beside those of version 1; null where they cannot be written. */
export function cgroupRoot(): string | null {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
  return /^\S+ (\S+) cgroup2 rw/m.exec(mounts)?.[1] ?? null
}

/** Where memory is limited, by version 1 of cgroups or 2; null where it cannot be. */
function memoryRoot(): { path: string; limit: string; events: string } | null {
  const [, one] = /^\S+ (\S+) cgroup rw\S*,memory\b/m.exec(readFileSync('/proc/self/mounts', 'utf8')) ?? []
  if (one !== undefined) return { path: one, limit: 'memory.limit_in_bytes', events: 'memory.oom_control' }
  const two = cgroupRoot()
  if (two === null || !/\bmemory\b/.test(readFileSync(join(two, 'cgroup.subtree_control'), 'utf8'))) return null
  return { path: two, limit: 'memory.max', events: 'memory.events' }
}

export const limitsMemory = (): boolean => memoryRoot() !== null

/** An empty one, by its path. It is gone after the test, once nothing runs in it. */
export function newCgroup(root: string | null = cgroupRoot()): string {
  const cgroup = join(root ?? '', `autoup-test-${process.pid}-${process.hrtime.bigint()}`)
  mkdirSync(cgroup)
  onEnd(() => until('nothing runs in the cgroup', () => remove(cgroup)))
  return cgroup
}

export interface MemoryGroup {
  /** Words in front of a command that is to run in it. */
  readonly through: string[]
  /** How many processes the kernel has killed in it. */
  kills(): number
}

export function memoryGroup(bytes: number): MemoryGroup {
  const { path, limit, events } = memoryRoot() ?? { path: '', limit: '', events: '' }
  const cgroup = newCgroup(path)
  writeFileSync(join(cgroup, limit), String(bytes))
  // Else the machine would swap before anything is killed.
  const swap = join(cgroup, 'memory.swap.max')
  if (existsSync(swap)) writeFileSync(swap, '0')
  return {
    through: ['sh', '-c', 'echo $$ > "$0/cgroup.procs"; exec "$@"', cgroup],
    kills: () => Number(/^oom_kill (\d+)$/m.exec(readFileSync(join(cgroup, events), 'utf8'))?.[1]),
  }
}

/** From the innermost on, as long as nothing runs in any (EBUSY of rmdir(2)); the files in them are the kernel's. */
function remove(cgroup: string): boolean {
  try {
    for (const each of readdirSync(cgroup, { withFileTypes: true }))
      if (each.isDirectory() && !remove(join(cgroup, each.name))) return false
    rmdirSync(cgroup)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
    return false
  }
}
