/** The client ports of a process's connections: whose requests it has in its hands. */

import { readFileSync } from 'node:fs'
import { socketInodes } from '../../system/procfs.ts'

export function clientPorts(pid: number): readonly number[] {
  const inodes = socketInodes(pid)
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => inodes.has(Number(fields[9])))
    .map((fields) => Number.parseInt(fields[2]?.split(':')[1] ?? '', 16))
}
