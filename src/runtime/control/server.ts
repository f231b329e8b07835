/**
 * The control socket of a master: what `autoup status`, `upgrade` and the others talk to, and anybody's curl.
 *
 *     GET  /status  /releases  /metrics  /events?since=N&follow=0     (events: text/event-stream)
 *     POST /upgrade /rollback /restart /check /stage /pause /resume /reload /stop     ({"again","resetTrust","wait","now"} as JSON or query)
 *
 * The server knows nothing of upgrades; it asks its handlers. A client that goes away while it waits takes nothing with
 * it: what it asked for goes on. Owned by the master, from the taking of the lock to the end of `stop`.
 */

import { createServer, type Socket } from 'node:net'
import { AutoupError, messageOf } from '../../core/errors.ts'
import type { Outcome, Stamped } from '../../core/events.ts'
import type { ReleaseRow, Status } from '../../core/status.ts'
import {
  beginStream,
  type ControlRequest,
  type HttpProblem,
  readRequest,
  respond,
  respondText,
} from './http-exchange.ts'
import { bindControlSocket, removeControlSocket } from './socket.ts'

const VERBS = ['upgrade', 'rollback', 'restart', 'check', 'stage', 'pause', 'resume', 'reload', 'stop'] as const

export type ControlVerb = (typeof VERBS)[number]

export interface ControlOptions {
  /** Try a quarantined build once. */
  readonly again: boolean
  /** Forget how well releases were vouched for. */
  readonly resetTrust: boolean
  /** Answer with the verdict, not with `accepted`. */
  readonly wait: boolean
  /** `stop`: do not drain. */
  readonly now: boolean
}

export interface ControlReply {
  readonly outcome: Outcome | 'available' | 'accepted' | 'paused' | 'resumed' | 'reloaded'
  /** A sentence for whoever asked. */
  readonly message: string
  readonly version: string | null
  /** The exit status of the command that asked. */
  readonly exit: number
  /** The last lines of the command that has stopped it. */
  readonly output?: readonly string[]
}

export interface ControlHandlers {
  status(): Status
  releases(): Promise<readonly ReleaseRow[]>
  /** In the format of Prometheus. */
  metrics(): Promise<TextAnswer>
  /**
   * Calls the listener at once for kept events after `since`, then for new ones, until the returned function is called.
   */
  events(since: number, listener: (event: Stamped) => void): () => void
  request(verb: ControlVerb, options: ControlOptions): Promise<ControlReply>
}

export interface TextAnswer {
  readonly contentType: string
  readonly text: string
}

export interface ControlServer {
  /** Ends every connection and removes the socket. Answers that were given before still arrive. */
  close(): Promise<void>
}

/** A reader of events that is this far behind is cut off: the master's memory is not its buffer. */
const EVENT_BACKLOG_BYTES = 1024 * 1024
/**
 * Far more commands than anybody waits for at once; without a bound, readers of events that nobody ends would take the
 * master's descriptors. With one more the oldest is let go of: a command gets through, whatever leaks.
 */
const CONNECTIONS_MAX = 256
const CLOSE_GRACE_MS = 500

/** `directory` is the state directory of this name. Throws AutoupError `failed`. */
export async function startControlServer(options: {
  readonly directory: string
  readonly handlers: ControlHandlers
}): Promise<ControlServer> {
  const { directory, handlers } = options
  const sockets = new Set<Socket>()
  const letGo = (socket: Socket): void => {
    sockets.delete(socket)
    socket.destroy()
  }
  const server = createServer((socket) => {
    const [oldest] = sockets
    if (oldest && sockets.size >= CONNECTIONS_MAX) letGo(oldest)
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // Whatever it is, 'close' follows, and the client is gone.
    socket.on('error', () => {})
    readRequest(socket, (request) => answer(socket, request, handlers))
  })
  await bindControlSocket(server, directory)
  // An accept(2) that fails (EMFILE) is tried again with the next connection.
  server.on('error', () => {})

  return {
    close() {
      removeControlSocket(directory)
      return new Promise((resolve) => {
        const timer = setTimeout(() => {
          for (const socket of sockets) socket.destroy()
        }, CLOSE_GRACE_MS)
        server.close(() => {
          clearTimeout(timer)
          resolve()
        })
        for (const socket of sockets) socket.destroySoon()
      })
    },
  }
}

function answer(socket: Socket, request: ControlRequest | HttpProblem, handlers: ControlHandlers): void {
  if ('status' in request) return respond(socket, request.status, { error: request.message })
  route(socket, request, handlers).catch((error: unknown) => {
    if (socket.destroyed) return
    const code = error instanceof AutoupError ? error.code : null
    respond(socket, code ? 409 : 500, { error: messageOf(error), code })
  })
}

async function route(socket: Socket, request: ControlRequest, handlers: ControlHandlers): Promise<void> {
  const { method, path } = request
  const verb = VERBS.find((each) => path === `/${each}`)
  const allowed = verb ? 'POST' : ['/status', '/releases', '/events', '/metrics'].includes(path) ? 'GET' : null
  if (!allowed) return respond(socket, 404, { error: `there is no ${path} here: see GET /status` })
  if (method !== allowed) {
    return respond(socket, 405, { error: `${path} takes ${allowed}, not ${method}` }, { Allow: allowed })
  }
  if (verb) {
    const asked = parseOptions(request)
    if (typeof asked === 'string') return respond(socket, 400, { error: asked })
    const reply = await handlers.request(verb, asked)
    if (!socket.destroyed) respond(socket, 200, reply)
    return
  }
  if (path === '/events') return streamEvents(socket, request, handlers)
  if (path === '/metrics') {
    const { contentType, text } = await handlers.metrics()
    if (!socket.destroyed) respondText(socket, contentType, text)
    return
  }
  const value = path === '/status' ? handlers.status() : await handlers.releases()
  if (!socket.destroyed) respond(socket, 200, value)
}

/** The options, or what is wrong with them. */
function parseOptions({ body, query }: ControlRequest): ControlOptions | string {
  let fields: Record<string, unknown> = {}
  if (body !== '') {
    try {
      fields = JSON.parse(body) as Record<string, unknown>
    } catch {
      return 'the body is not JSON'
    }
    if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return 'the body is not a JSON object'
  }
  const options = { again: false, resetTrust: false, wait: true, now: false }
  for (const [key, value] of [...query, ...Object.entries(fields)]) {
    if (!Object.hasOwn(options, key)) return `there is no option ${key}: use again, resetTrust, wait or now`
    if (!/^(?:true|false|1|0|)$/.test(String(value))) return `${key} is true or false`
    options[key as keyof typeof options] = !['false', '0'].includes(String(value))
  }
  return options
}

/** Server-sent events, numbered, so that a reader that lost its connection can go on with `since`. */
function streamEvents(socket: Socket, { query, headers }: ControlRequest, handlers: ControlHandlers): void {
  const since = query.get('since') ?? headers.get('last-event-id') ?? '0'
  if (!/^\d{1,15}$/.test(since)) return respond(socket, 400, { error: 'since is the sequence number of an event' })
  beginStream(socket, 'text/event-stream')
  const unsubscribe = handlers.events(Number(since), (event) => {
    if (socket.writable) socket.write(`id: ${event.sequence}\ndata: ${JSON.stringify(event)}\n\n`)
    if (socket.writableLength > EVENT_BACKLOG_BYTES) socket.destroy()
  })
  if (query.get('follow') === '0') {
    unsubscribe()
    socket.end()
  } else if (socket.destroyed) unsubscribe()
  else socket.once('close', unsubscribe)
}
