/** All the sockets that the master passed on: which of them a `listen` means, and which are taken. */

import { type Asked, isAnyHost, scoreOf, shown } from './addresses.cts'
import { FIRST_FD } from './contract.cts'
import { InheritedSocket, isSocket } from './inherited-socket.cts'

/** A listener of this name is a private door of the worker, not one of the service. */
export const PROBE = 'probe'

export class Sockets {
  /** In the order of `--listen`. */
  readonly all: readonly InheritedSocket[]
  readonly probe: InheritedSocket | null

  constructor(names: readonly string[]) {
    const all = names.map((name, index) => new InheritedSocket(FIRST_FD + index, name))
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

  /** Descriptors that are no sockets here. */
  get missing(): readonly InheritedSocket[] {
    return this.all.filter(({ fd }) => !isSocket(fd))
  }

  get areAllTaken(): boolean {
    return this.all.length > 0 && this.all.every(({ isTaken }) => isTaken)
  }

  /** `3000 and unix:/run/app.sock`, or null. */
  get shown(): string | null {
    return this.all.length === 0 ? null : this.all.map(({ bound }) => shown(bound)).join(' and ')
  }

  retire(): void {
    for (const socket of this.all) socket.retire()
  }
}
