/**
 * What the worker says to the master: lines of `KEY=value` (sd_notify(3)) on the unix stream socket AUTOUP_NOTIFY. The
 * connection is made with the first line and kept; it never keeps the process alive. When the master is gone nobody
 * listens, which is no trouble of the app's.
 */

import net from 'node:net'

export class Voice {
  readonly #path: string | null
  #socket: net.Socket | null = null

  constructor(path: string | null) {
    this.#path = path
  }

  say(line: string): void {
    if (this.#path === null) return
    this.#socket ??= this.#connect(this.#path)
    this.#socket.write(`${line}\n`)
  }

  #connect(path: string): net.Socket {
    const socket = net.connect(path)
    socket.unref()
    socket.on('error', () => undefined)
    // The next line tries anew.
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = null
    })
    return socket
  }
}
