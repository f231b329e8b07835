/**
 * HTTP/2 in a drain: GOAWAY as RFC 9113 (6.8) asks of a graceful end. The first names the highest stream there can be,
 * so that nothing is refused that is on its way; once the client has answered a ping it knows, and the second names the
 * last stream that was served. A session ends with its last stream.
 *
 * The first goes out with the next request, which is handed to the app when the ping is answered: after a GOAWAY
 * without an open stream nghttp2 reads nothing more (nghttp2_session_want_read(3)), neither the answer nor what the
 * client has sent meanwhile. That request is the open stream. A session that stays quiet is told without.
 */

import type http2 from 'node:http2'
import type net from 'node:net'

const NO_ERROR = 0
const HIGHEST_STREAM = 2 ** 31 - 1
/** A client that does not answer has had its time. */
const ANSWER_MS = 1_000
/** As long as Node keeps a quiet HTTP/1 connection. What a client asks just then it may ask again, the second says. */
const QUIET_MAX_MS = 5_000

export class Sessions {
  readonly #all = new Set<http2.ServerHttp2Session>()
  /** Null before the drain. */
  #quietMs: number | null = null

  watch(server: net.Server): void {
    if (!('updateSettings' in server)) return
    server.on('session', (session: http2.ServerHttp2Session) => {
      this.#all.add(session)
      session.once('close', () => this.#all.delete(session))
      if (this.#quietMs !== null) sendAway(session, this.#quietMs)
    })
  }

  get all(): ReadonlySet<http2.ServerHttp2Session> {
    return this.#all
  }

  /** `withinMs`: when all clients are to have been told. */
  drain(withinMs: number): void {
    this.#quietMs = Math.min(QUIET_MAX_MS, withinMs / 2)
    for (const session of this.#all) sendAway(session, this.#quietMs)
  }
}

function sendAway(session: http2.ServerHttp2Session, quietMs: number): void {
  let isTold = false
  const timer = setTimeout(() => tell(() => undefined), quietMs)
  session.once('close', () => clearTimeout(timer))
  // The listeners of the session, its server and what the app has wrapped around them all come after this.
  const { emit } = session
  session.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    const pass = (): boolean => Reflect.apply(emit, session, [event, ...args])
    if (event !== 'stream' || isTold) return pass()
    tell(pass)
    return true
  }

  function tell(next: () => void): void {
    if (isTold) return
    isTold = true
    clearTimeout(timer)
    goAway(session, next)
  }
}

/** `next` is called when the client knows, or has had its time. */
function goAway(session: http2.ServerHttp2Session, next: () => void): void {
  if (isOver(session)) return next()
  let isAnswered = false
  const close = (): void => {
    if (isAnswered) return
    isAnswered = true
    clearTimeout(timer)
    next()
    if (!isOver(session)) session.close()
  }
  const timer = setTimeout(close, ANSWER_MS)
  // Both go out in one write. Some clients answer with a GOAWAY of their own, and then to no ping any more.
  session.once('goaway', close)
  session.goaway(NO_ERROR, HIGHEST_STREAM)
  if (!session.ping(close)) close()
}

function isOver(session: http2.ServerHttp2Session): boolean {
  return session.closed || session.destroyed
}
