/**
 * Connections that do not end by themselves: WebSockets, and responses that are event streams. In a drain they are
 * ended one after the other, so that their clients do not all come back in the same moment, and each in a pause of its
 * traffic where there is one; what is left when the drain timeout nears is cut.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type http2 from 'node:http2'
import type net from 'node:net'
import { headerOf, responsesOf, streamsOf } from './internals.cts'

/** So many clients at most come back in a second, unless there are too many for the time. */
const ENDED_PER_S = 50
/** What was accepted before the drain is answered first. */
const GRACE_MS = 1_000
const QUIET_MS = 200
/** A pause is waited for so long; each for itself, so that those that never pause stay spread. */
const PATIENCE_MS = 2_000
const LOOK_MS = 50
/** When all have been asked to end, of the time until the cut: the rest is for their answers. */
const ASKED_SHARE = 0.75

const LAST_CHUNK = '0\r\n\r\n'
/** A server's close frame without a mask (RFC 6455, 5.5.1): 1001, it goes away. */
const GOING_AWAY = Buffer.from([0x88, 0x02, 0x03, 0xe9])

interface LongLived {
  readonly isGone: boolean
  /** Grows with every byte, in either direction. */
  readonly traffic: number
  end(): void
  cut(): void
}

export class LongLivedConnections {
  readonly #servers = new Set<net.Server>()
  readonly #webSockets = new Set<net.Socket>()
  /** What is to end in this drain. */
  readonly #ending = new Set<LongLived>()
  #isDraining = false
  #patienceMs = PATIENCE_MS

  watch(server: net.Server): void {
    if (!('keepAliveTimeout' in server) && !('updateSettings' in server)) return
    this.#servers.add(server)
    this.#watchUpgrades(server)
  }

  /** `nearMs`: when what is left will be cut. */
  drain(nearMs: number, sessions: Iterable<http2.ServerHttp2Session>): void {
    const withinMs = nearMs * ASKED_SHARE
    this.#isDraining = true
    this.#patienceMs = Math.min(PATIENCE_MS, withinMs / 4)
    const all: LongLived[] = [
      ...[...this.#webSockets].map(webSocket),
      ...[...this.#servers].flatMap(responsesOf).flatMap(eventStream),
      ...[...sessions].flatMap(streamsOf).flatMap(eventStream2),
    ]
    const graceMs = Math.min(GRACE_MS, withinMs / 4)
    const spreadMs = Math.min(withinMs / 2, (all.length / ENDED_PER_S) * 1_000)
    for (const [index, each] of all.entries()) {
      this.#endAfter(each, graceMs + ((index + Math.random()) / all.length) * spreadMs)
    }
  }

  /** The time is up. */
  cut(): void {
    for (const each of this.#ending) each.cut()
  }

  #endAfter(each: LongLived, ms: number): void {
    this.#ending.add(each)
    let traffic = -1
    let quietSince = 0
    const latestAt = performance.now() + ms + this.#patienceMs
    const look = (): void => {
      if (each.isGone) return
      const now = performance.now()
      if (each.traffic !== traffic) quietSince = now
      traffic = each.traffic
      if (now - quietSince < QUIET_MS && now < latestAt) later(LOOK_MS)
      else each.end()
    }
    const later = (waitMs: number): void => void setTimeout(look, waitMs).unref()
    later(ms)
  }

  /** Only while the app itself listens: with any listener at all Node takes every upgrade for handled. */
  #watchUpgrades(server: net.Server): void {
    let isWatching = false
    const onUpgrade = (request: IncomingMessage, socket: net.Socket): void => {
      if (request.headers.upgrade?.toLowerCase() !== 'websocket') return
      this.#webSockets.add(socket)
      socket.once('close', () => this.#webSockets.delete(socket))
      if (this.#isDraining) this.#endAfter(webSocket(socket), GRACE_MS)
    }
    const start = (): void => {
      if (isWatching) return
      isWatching = true
      server.prependListener('upgrade', onUpgrade)
    }
    if (server.listenerCount('upgrade') > 0) start()
    server.on('newListener', (event: unknown) => {
      if (event === 'upgrade') start()
    })
    server.on('removeListener', (event: unknown) => {
      if (event !== 'upgrade' || !isWatching || server.listenerCount('upgrade') > 1) return
      isWatching = false
      server.removeListener('upgrade', onUpgrade)
    })
  }
}

function ofSocket(socket: net.Socket, end: () => void): LongLived {
  return {
    get isGone() {
      return socket.destroyed
    },
    get traffic() {
      return socket.bytesRead + socket.bytesWritten
    },
    end,
    cut: () => socket.destroy(),
  }
}

function webSocket(socket: net.Socket): LongLived {
  return ofSocket(socket, () => {
    if (socket.writable) socket.write(GOING_AWAY)
  })
}

/** To the client it is complete, to the app as if the client had gone. */
function eventStream(response: ServerResponse): LongLived[] {
  const { socket } = response
  if (!socket || !isEventStream(headerOf(response, 'content-type'))) return []
  return [
    ofSocket(socket, () => {
      if (response.chunkedEncoding && !response.writableEnded) socket.write(LAST_CHUNK)
      socket.destroySoon()
    }),
  ]
}

function eventStream2(stream: http2.ServerHttp2Stream): LongLived[] {
  if (!isEventStream(stream.sentHeaders?.['content-type'])) return []
  return [
    {
      get isGone() {
        return stream.destroyed
      },
      get traffic() {
        return stream.bufferSize + (stream.state.localWindowSize ?? 0)
      },
      end: () => stream.close(),
      cut: () => stream.destroy(),
    },
  ]
}

function isEventStream(type: unknown): boolean {
  return typeof type === 'string' && type.toLowerCase().startsWith('text/event-stream')
}
