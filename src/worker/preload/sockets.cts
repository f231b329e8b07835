/** All the sockets that the master passed on: which of them a `listen` means, and which are taken. */

import { readlinkSync } from 'node:fs'
import { type Asked, isAnyHost, scoreOf, shown } from './addresses.cts'
import { FIRST_FD } from './contract.cts'
import { InheritedSocket } from './inherited-socket.cts'

/** A listener of this name is a private door of the worker, not one of the service. */
export const PROBE = 'probe'

export class Sockets {
  /** In the order of `--listen`. */
  readonly all: readonly InheritedSocket[]
  readonly probe: InheritedSocket | null
  /** What has not arrived. To be asked first of all: later, anything of the process may have that number. */
  readonly missing: readonly InheritedSocket[]

  constructor(names: readonly string[]) {
    const declared = names.map((name, index) => new InheritedSocket(FIRST_FD + index, name))
    this.missing = declared.filter(({ fd }) => !isSocket(fd))
    const all = declared.filter((socket) => !this.missing.includes(socket))
    this.all = all.filter(({ name }) => name !== PROBE)
    this.probe = all.find(({ name }) => name === PROBE) ?? null
  }

  /** The best first; more than one only where the app asks for every address. */
  matching(asked: Asked): readonly InheritedSocket[] {
    const fitting = this.all
      .map((socket) => ({ socket, score: scoreOf(asked, socket.bound) }))
      .filter(({ score }) => score > 0)
      .sort((one, other) => other.score - one.score)
      .map(({ socket }) => socket)
    return asked.kind === 'tcp' && isAnyHost(asked.host) ? fitting : fitting.slice(0, 1)
  }

  get areAllTaken(): boolean {
    return this.all.length > 0 && this.missing.length === 0 && this.all.every(({ isTaken }) => isTaken)
  }

  /** `3000 and unix:/run/app.sock`, or null. */
  get shown(): string | null {
    return this.all.length === 0 ? null : this.all.map(({ bound }) => shown(bound)).join(' and ')
  }

  retire(): void {
    for (const socket of this.all) socket.retire()
  }
}

/** What stands at the number may be something of Node's own where the socket did not get through. */
function isSocket(fd: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:')
  } catch {
    return false
  }
}
