/** Open connections of a worker on our listeners, counted in the kernel, outside the worker. */

import type { Listener } from '../system/listeners.ts'
import { countConnections } from '../system/serving.ts'

export function connectionsOf(pid: number, listeners: readonly Listener[]): number {
  const ports = new Set(listeners.flatMap((listener) => listener.port ?? []))
  const paths = new Set(listeners.flatMap((listener) => listener.path ?? []))
  return countConnections(pid, new Set(listeners.map((listener) => listener.inode)), ports, paths)
}
