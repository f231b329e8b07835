/**
 * One listening socket that the master passed on, and the servers of the app that listen on it. The first gets the real
 * handle; each further one a hollow handle that shares it, since a descriptor can be opened only once (libuv says
 * EEXIST). Connections go to the one that came first; when that closes, to the next. With the last this process accepts
 * no more, until a server listens again. Only a drain closes the descriptor, while the socket lives on in the master.
 */

import { type Bound, pathOf } from './addresses.cts'
import { type Handle, openHandle, pause } from './internals.cts'

/** The master's own; a smaller one would shrink the queue of all who share the socket (listen(2)). */
const BACKLOG = 4_096

interface Seat {
  readonly handle: Handle
  isRef: boolean
}

export class InheritedSocket {
  readonly fd: number
  readonly name: string
  #real: Handle | null = null
  #close: (done?: () => void) => void = () => undefined
  /** In the order of arrival; connections go to the first. */
  #seats: Seat[] = []
  #isRetired = false
  #bound: Bound | null = null

  constructor(fd: number, name: string) {
    this.fd = fd
    this.name = name
  }

  get bound(): Bound {
    this.#bound ??= this.#ask()
    return this.#bound
  }

  get isTaken(): boolean {
    return this.#seats.length > 0
  }

  isHeldBy(handle: Handle): boolean {
    return !this.#isRetired && this.#seats.some((seat) => seat.handle === handle)
  }

  /** What a server is to have as its handle; null when the descriptor cannot be used. */
  take(): Handle | null {
    const real = this.#open()
    if (real === null) return null
    const handle = this.#seats.length === 0 && !this.#isRetired ? real : new HollowHandle(real)
    this.#sit(handle)
    return handle
  }

  /** Another handle's connections come through this socket as well, as long as that one is open. */
  lendTo(handle: Handle): void {
    const own = this.take()
    if (own === null) return
    own.onconnection = (status, client) => handle.onconnection(status, client)
    own.listen(BACKLOG)
    own.unref()
    const close = handle.close.bind(handle)
    handle.close = (done) => {
      own.close()
      close(done)
    }
  }

  /** Stops to accept in this process. Its servers go on as if they listened, so that they can be closed by the app. */
  retire(): void {
    if (this.#isRetired) return
    this.#isRetired = true
    const real = this.#real
    if (real === null) return
    const name: object = {}
    real.getsockname?.(name)
    if (real.getsockname) real.getsockname = (out) => Object.assign(out, name) && 0
    this.#close()
  }

  #ask(): Bound {
    const name: { address?: string; port?: number } = {}
    this.#open()?.getsockname?.(name)
    const { address, port } = name
    if (address !== undefined && port !== undefined) return { kind: 'tcp', host: address, port }
    const path = pathOf(this.fd)
    return path === null ? { kind: 'unknown' } : { kind: 'unix', path }
  }

  #open(): Handle | null {
    if (this.#real !== null) return this.#real
    const real = openHandle(this.fd)
    if (real === null) return null
    this.#real = real
    this.#close = real.close.bind(real)
    const listen = real.listen.bind(real)
    real.listen = () => listen(BACKLOG)
    return real
  }

  /** The handle's methods, whether real or hollow, now speak for the seat. */
  #sit(handle: Handle): void {
    const seat: Seat = { handle, isRef: true }
    this.#seats.push(seat)
    const refer = (isRef: boolean) => {
      seat.isRef = isRef
      this.#refer()
    }
    handle.ref = () => refer(true)
    handle.unref = () => refer(false)
    handle.close = (done) => this.#leave(seat, done)
    // The mode of a path is the operator's.
    if (handle.fchmod) handle.fchmod = () => 0
    this.#refer()
  }

  #leave(seat: Seat, done?: () => void): void {
    if (!this.#seats.includes(seat)) return
    this.#seats = this.#seats.filter((other) => other !== seat)
    const real = this.#isRetired ? null : this.#real
    if (real !== null && this.#seats.length === 0) pause(real)
    // The real handle goes on for the others.
    else if (real === seat.handle)
      real.onconnection = (status, client) => this.#seats[0]?.handle.onconnection(status, client)
    this.#refer()
    if (done) setImmediate(done)
  }

  /** It keeps the process alive as long as one of its servers wants that. */
  #refer(): void {
    if (this.#isRetired || this.#real === null) return
    const prototype: Handle = Object.getPrototypeOf(this.#real)
    if (this.#seats.some(({ isRef }) => isRef)) prototype.ref.call(this.#real)
    else prototype.unref.call(this.#real)
  }
}

/** Looks like a handle to its server; what it does, its InheritedSocket gives it. */
class HollowHandle implements Handle {
  readonly getsockname?: (out: object) => number
  readonly fd: number = -1

  constructor(real: Handle) {
    if (real.getsockname) this.getsockname = (out) => real.getsockname?.(out) ?? 0
  }

  listen(): number {
    return 0
  }

  close(): void {}
  ref(): void {}
  unref(): void {}
  onconnection(): void {}

  fchmod(): number {
    return 0
  }
}
