/**
 * The sockets a worker gets: the shared listeners, and where readiness is asked over the network a private door of its
 * own. The door is an inherited listener when one is named `probe`, else a port (`AUTOUP_PORT`) that is kept free for
 * the worker to open. It belongs to one worker and ends when that is ready or gone.
 */

import { formatAddress, type ListenSpec } from '../../core/address.ts'
import type { Ready } from '../../core/settings.ts'
import { bindListener } from '../../system/bind-listener.ts'
import { describeSocket } from '../../system/describe-socket.ts'
import { close } from '../../system/libc/descriptors.ts'
import type { Listener } from '../../system/listeners.ts'
import { reservePort } from '../../system/reserve-port.ts'

/** The listener of this name is made anew for each worker. */
export const PROBE = 'probe'

export interface Doors {
  readonly listeners: readonly Listener[]
  readonly inodes: ReadonlySet<number>
  readonly ports: ReadonlySet<number>
  readonly paths: ReadonlySet<string>
  /** Where this worker alone answers, or null. */
  readonly probePort: number | null
  /** AUTOUP_PORT: the door the worker opens by itself. */
  readonly ownPort: number | null
  readonly descriptors: readonly number[]
  readonly names: readonly string[]
  /** The master's copy of the inherited door; the worker has its own. */
  closeCopies(): void
  /** Gives the kept port up. */
  release(): void
}

export function openDoors(listeners: readonly Listener[], probe: ListenSpec | null, ready: Ready): Doors {
  const shared = shareOf(listeners)
  const descriptors = listeners.map((listener) => listener.fd)
  const names = listeners.map((listener) => listener.name)
  const none = () => undefined
  if (probe) {
    const fd = bindListener(probe.address)
    const probePort = describeSocket(fd).port
    const all = { descriptors: [...descriptors, fd], names: [...names, PROBE] }
    return { ...shared, ...all, probePort, ownPort: null, closeCopies: () => close(fd), release: none }
  }
  if (ready.kind === 'http' || ready.kind === 'tcp' || ready.kind === 'exec') {
    const { port, release } = reservePort()
    return { ...shared, descriptors, names, probePort: port, ownPort: port, closeCopies: none, release }
  }
  return { ...shared, descriptors, names, probePort: null, ownPort: null, closeCopies: none, release: none }
}

/** How these listeners are known in /proc. */
export function shareOf(listeners: readonly Listener[]): Pick<Doors, 'listeners' | 'inodes' | 'ports' | 'paths'> {
  return {
    listeners,
    inodes: new Set(listeners.map((listener) => listener.inode)),
    ports: new Set(listeners.flatMap((listener) => listener.port ?? [])),
    paths: new Set(listeners.flatMap((listener) => listener.path ?? [])),
  }
}

/** The address of a private door may be fixed only in its host: two workers cannot share a port. */
export function probeSpecOf(specs: readonly ListenSpec[]): ListenSpec | null {
  return specs.find((spec) => spec.name === PROBE) ?? null
}

/** What is shared: all but the private door. */
export function sharedSpecs(specs: readonly ListenSpec[]): readonly ListenSpec[] {
  return specs.filter((spec) => spec.name !== PROBE)
}

/** For messages: `127.0.0.1:8080 and unix:/run/app.sock`. */
export function nameListeners(listeners: readonly Listener[]): string {
  return listeners.map(nameOne).join(' and ')
}

/** As it was asked for, unless that was any port. */
function nameOne({ spec, shown }: Listener): string {
  const isAnyPort = spec?.address.family === 'tcp' && spec.address.port === 0
  return spec && !isAnyPort ? formatAddress(spec.address) : shown
}
