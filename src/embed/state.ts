/** What the program is told. The same in a worker and where there is no master, so that one program serves for both. */

import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { resolve } from 'node:path'
import { isSea } from 'node:sea'
import { AutoupError } from '../core/errors.ts'

/** To be given to `server.listen(…)` as it is. */
export type Listener = Readonly<
  { name: string; address: string } & ({ fd: number } | { port: number; host?: string } | { path: string })
>

export interface State {
  /** Whether there is a master. */
  readonly enabled: boolean
  /** Of the running build: `sha256-` and the digest of its artifact, or of `binPath` where it was not fetched. */
  readonly id: string
  /** When this process was started. */
  readonly startedAt: Date
  /** The first one. Throws where none is declared. */
  readonly listener: Listener
  /** In the order of `listen`. */
  readonly listeners: readonly Listener[]
  /** Of the first one. Throws where none is declared. */
  readonly address: string
  readonly addresses: readonly string[]
  /**
   * Aborted when the program is to finish. In a worker nothing is accepted any more by then, and all is answered,
   * unless the drain timeout is near; without a master it comes at the signal.
   */
  readonly gracefulShutdown: AbortSignal
  /** The single executable, or the script. */
  readonly binPath: string
  /** Says that the program serves, for `ready: 'notify'`. */
  ready(): void
  /** Asks the master for new workers, as its restart signal does. False where there is none. */
  restart(): boolean
}

type Parts = Omit<State, 'id' | 'startedAt' | 'listener' | 'address' | 'addresses' | 'binPath'>

/** `build` is what the master calls this build, if it is one of the store. */
export function stateOf(parts: Parts, build: string | undefined): State {
  const { listeners } = parts
  const binPath = ownFile()
  let id = build?.startsWith('sha256-') ? build : null
  const first = (): Listener => {
    const [listener] = listeners
    if (listener) return listener
    throw new AutoupError('usage', "the program has no listener: declare one, as in run({ listen: '8080', … })")
  }
  return {
    ...parts,
    get id() {
      id ??= `sha256-${digestOf(binPath)}`
      return id
    },
    startedAt: new Date(Date.now() - Math.round(process.uptime() * 1_000)),
    get listener() {
      return first()
    },
    get address() {
      return first().address
    },
    addresses: listeners.map(({ address }) => address),
    binPath,
  }
}

/** What of this process is the program. */
export function ownFile(): string {
  return isSea() ? process.execPath : resolve(process.argv[1] ?? process.execPath)
}

/** sha256, 64 hex digits; read in pieces, since an executable is large. */
export function digestOf(path: string): string {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(1_048_576)
  const fd = openSync(path, 'r')
  try {
    for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer)) hash.update(buffer.subarray(0, read))
  } finally {
    closeSync(fd)
  }
  return hash.digest('hex')
}
