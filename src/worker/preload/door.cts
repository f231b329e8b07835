/**
 * The private door of this worker, where the master asks whether it is ready (`--ready http:`, `tcp`): a port of its
 * own, or the inherited listener named `probe`. What comes through it goes to the server of the first `--listen`, as if
 * it had come through that; a TLS server gets it after its handshake, since the master asks in plain HTTP. An app that
 * opens the door itself finds it free.
 */

import net from 'node:net'
import { type Handle, internalsOf } from './internals.cts'

export class Door {
  readonly #port: number | null
  readonly #probe: { readonly fd: number } | null
  #server: net.Server | null = null
  #isGivenUp = false

  constructor(port: number | null, probe: { readonly fd: number } | null) {
    this.#port = port
    this.#probe = probe
  }

  isOf(server: net.Server): boolean {
    return server === this.#server
  }

  isAt(port: number): boolean {
    return port === this.#port
  }

  /** Only the first call counts. */
  openFor(server: net.Server, handle: Handle | null = internalsOf(server)._handle): void {
    if (this.#server !== null || this.#isGivenUp || handle === null) return
    if (this.#port === null && this.#probe === null) return
    const door = net.createServer((socket) => handOver(server, socket))
    this.#server = door
    // The app's trouble is told by the probe; a door that cannot be opened is one.
    door.on('error', () => this.close())
    door.once('listening', () => {
      if (!isTls(server)) shortCut(door, handle)
    })
    if (this.#port !== null) door.listen({ port: this.#port, host: '127.0.0.1', exclusive: true })
    else if (this.#probe !== null) door.listen({ fd: this.#probe.fd, exclusive: true })
    door.unref()
  }

  /** The app opens it itself. */
  giveUp(): void {
    this.#isGivenUp = true
    this.close()
  }

  close(): void {
    this.#server?.close()
  }
}

/** The connection is the server's own from the beginning, and counted with its others. */
function shortCut(door: net.Server, to: Handle): void {
  const { _handle: handle } = internalsOf(door)
  if (handle) handle.onconnection = (status, client) => to.onconnection(status, client)
}

function handOver(server: net.Server, socket: net.Socket): void {
  Object.assign(socket, { server, alpnProtocol: false })
  server.emit('secureConnection', socket)
}

function isTls(server: net.Server): boolean {
  return 'setSecureContext' in server
}
