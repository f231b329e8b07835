/** Groups of processes of the kernel (cgroups(7)), made for one test. */

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { onEnd } from './on-end.ts'
import { until } from './until.ts'

/** Where those of version 2 are, alone or beside those of version 1; null where they cannot be written. */
export function cgroupRoot(): string | null {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
  return /^\S+ (\S+) cgroup2 rw/m.exec(mounts)?.[1] ?? null
}

/** An empty one, by its path. It is gone after the test, once nothing runs in it. */
export function newCgroup(): string {
  const cgroup = join(cgroupRoot() ?? '', `autoup-test-${process.pid}-${process.hrtime.bigint()}`)
  mkdirSync(cgroup)
  onEnd(async () => {
    await until('nothing runs in the cgroup', () => isEmpty(cgroup))
    remove(cgroup)
  })
  return cgroup
}

function isEmpty(cgroup: string): boolean {
  return /^populated 0$/m.test(readFileSync(join(cgroup, 'cgroup.events'), 'utf8'))
}

/** From the innermost on; the files in it are the kernel's. */
function remove(cgroup: string): void {
  if (!existsSync(cgroup)) return
  for (const each of readdirSync(cgroup, { withFileTypes: true }))
    if (each.isDirectory()) remove(join(cgroup, each.name))
  rmdirSync(cgroup)
}
