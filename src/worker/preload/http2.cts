/**
 * HTTP/2 in a drain: GOAWAY as RFC 9113 (6.8) asks of a graceful end. The first names the highest stream there can be,
 * so that nothing is refused that is on its way; once the client has answered a ping it knows, and the second names the
 * last stream that was served. A session ends with its last stream.
 */

import type http2 from 'node:http2'
import type net from 'node:net'

const NO_ERROR = 0
const HIGHEST_STREAM = 2 ** 31 - 1
/** A client that does not answer has had its time. */
const ANSWER_MS = 1_000

export class Sessions {
  readonly #all = new Set<http2.ServerHttp2Session>()
  #isDraining = false

  watch(server: net.Server): void {
    if (!('updateSettings' in server)) return
    server.on('session', (session: http2.ServerHttp2Session) => {
      this.#all.add(session)
      session.once('close', () => this.#all.delete(session))
      if (this.#isDraining) goAway(session)
    })
  }

  get all(): ReadonlySet<http2.ServerHttp2Session> {
    return this.#all
  }

  drain(): void {
    this.#isDraining = true
    for (const session of this.#all) goAway(session)
  }
}

function goAway(session: http2.ServerHttp2Session): void {
  if (session.closed || session.destroyed) return
  const close = (): void => {
    clearTimeout(timer)
    if (!session.closed && !session.destroyed) session.close()
  }
  const timer = setTimeout(close, ANSWER_MS)
  session.goaway(NO_ERROR, HIGHEST_STREAM)
  if (!session.ping(close)) close()
}
