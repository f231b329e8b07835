/** Open connections of workers on our listeners, and their memory: counted in the kernel, outside of the worker. */

import type { Listener } from '../../system/listeners.ts'
import { rssOf, treeOf } from '../../system/procfs.ts'
import { connectionCounter } from '../../system/serving.ts'

/** For one moment and all workers: what is long in the kernel is read once. */
export function connectionsOf(listeners: readonly Listener[]): (pid: number) => number {
  const ports = new Set(listeners.flatMap((listener) => listener.port ?? []))
  const paths = new Set(listeners.flatMap((listener) => listener.path ?? []))
  return connectionCounter(new Set(listeners.map((listener) => listener.inode)), ports, paths)
}

/** Resident bytes of the process and its descendants; null when it is gone. */
export function memoryOf(pid: number): number | null {
  const sizes = treeOf(pid).flatMap((member) => rssOf(member) ?? [])
  return sizes.length === 0 ? null : sizes.reduce((total, size) => total + size, 0)
}
