/**
 * Keeps the pages that people look at true: renders the parts after every event, and each two seconds for what the
 * kernel counts, and sends to each reader the parts that changed for it (server-sent events). Without a reader there
 * is no timer and no listener; a reader that is gone, or does not read, is forgotten.
 */

import type { Socket } from 'node:net'
import { beginStream } from '../control/http-exchange.ts'

export interface FeedSource {
  parts(): Promise<Readonly<Record<string, string>>>
  /** Calls back after each event, until the returned function is called. */
  subscribe(listener: () => void): () => void
}

/** Events come in bursts. */
const SETTLE_MS = 100
const REFRESH_MS = 2_000
/** Of the master's time no more than a fiftieth is for those who look on. */
const SHARE = 50
/** Some whole pages; a reader that is this far behind is cut off. */
const BACKLOG_BYTES = 512 * 1024
const KEEP_ALIVE_MS = 30_000

export class PageFeed {
  readonly #source: FeedSource
  readonly #readers = new Map<Socket, Readonly<Record<string, string>>>()
  #unsubscribe: (() => void) | null = null
  #timer: NodeJS.Timeout | null = null
  #dueAt = Number.POSITIVE_INFINITY
  #isRendering = false

  constructor(source: FeedSource) {
    this.#source = source
  }

  add(socket: Socket): void {
    beginStream(socket, 'text/event-stream')
    if (socket.destroyed) return
    // A phone that went out of reach says no good-bye.
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    this.#readers.set(socket, {})
    socket.once('close', () => this.#forget(socket))
    this.#unsubscribe ??= this.#source.subscribe(() => this.#soon(SETTLE_MS))
    this.#soon(0)
  }

  /** The sockets are their server's to end. */
  close(): void {
    for (const socket of [...this.#readers.keys()]) this.#forget(socket)
  }

  #forget(socket: Socket): void {
    this.#readers.delete(socket)
    if (this.#readers.size > 0) return
    this.#unsubscribe?.()
    this.#unsubscribe = null
    this.#cancel()
  }

  #soon(waitMs: number): void {
    const at = performance.now() + waitMs
    if (this.#readers.size === 0 || at >= this.#dueAt) return
    this.#cancel()
    this.#dueAt = at
    this.#timer = setTimeout(() => void this.#render(), waitMs)
  }

  #cancel(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    this.#dueAt = Number.POSITIVE_INFINITY
  }

  async #render(): Promise<void> {
    this.#cancel()
    if (this.#isRendering) return this.#soon(SETTLE_MS)
    this.#isRendering = true
    const startedAt = performance.now()
    try {
      const parts = await this.#source.parts()
      for (const [socket, sent] of this.#readers) this.#send(socket, sent, parts)
    } catch {
      // The store cannot be read just now; those who look keep what they have.
    }
    this.#isRendering = false
    this.#soon(Math.max(REFRESH_MS, (performance.now() - startedAt) * SHARE))
  }

  #send(socket: Socket, sent: Readonly<Record<string, string>>, parts: Readonly<Record<string, string>>): void {
    const changed = Object.entries(parts).filter(([id, text]) => sent[id] !== text)
    if (changed.length === 0) return
    this.#readers.set(socket, parts)
    socket.write(`event: parts\ndata: ${JSON.stringify(Object.fromEntries(changed))}\n\n`)
    if (socket.writableLength > BACKLOG_BYTES) socket.destroy()
  }
}
