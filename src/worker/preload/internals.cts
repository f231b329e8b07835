/**
 * What the preload uses of Node that is not in its documentation, with types, in this file only. All of it is the same
 * in Node 20 to 26 (lib/net.js): `_listen2` is where every form of `listen` comes together once names are looked up,
 * and is kept by Node for those who wrap it; a handle is libuv's stream behind a server.
 */

import type http from 'node:http'
import type http2 from 'node:http2'
import net from 'node:net'

/** uv_tcp_t or uv_pipe_t that listens. Status codes are 0 or a negative errno. */
export interface Handle {
  listen(backlog: number): number
  close(done?: () => void): void
  readStart?(): number
  readStop?(): number
  /** Negative once it is closed. */
  readonly fd?: number
  /** Not for unix sockets. */
  getsockname?(out: object): number
  fchmod?(mode: number): number
  ref(): void
  unref(): void
  /** Called as a method of the handle that is its server's. */
  onconnection: (status: number, client: unknown) => void
}

export interface ServerInternals {
  _handle: Handle | null
  /** Connections that are open, also after `close`. */
  _connections: number
  /** Called when one of them has ended. */
  _emitCloseIfDrained(): void
}

/** For a path `port` is -1; with `fd` all of the address is null. */
export type Listen2 = (
  this: net.Server & ServerInternals,
  address: string | null,
  port: number | null,
  addressType: number | null,
  backlog: number | undefined,
  fd: number | null | undefined,
  flags: number | undefined,
) => void

interface NetInternals {
  _createServerHandle(address: null, port: null, addressType: null, fd: number): Handle | number
}

interface PrototypeInternals {
  _listen2: Listen2
}

/** Null where the descriptor is no socket that can listen. */
export function openHandle(fd: number): Handle | null {
  const handle = (net as typeof net & NetInternals)._createServerHandle(null, null, null, fd)
  return typeof handle === 'number' ? null : handle
}

/**
 * The handle accepts no more, keeps no process alive, and listens again with the next `listen`: libuv has no call for
 * that, but stops to watch a descriptor of which no more is to be read (uv_read_stop(), src/unix/stream.c).
 */
export function pause(handle: Handle): void {
  handle.readStart?.()
  handle.readStop?.()
}

export function isOpen({ fd }: Handle): boolean {
  return fd !== undefined && fd >= 0
}

export function wrapListen2(wrap: (original: Listen2) => Listen2): void {
  const prototype = net.Server.prototype as net.Server & PrototypeInternals
  prototype._listen2 = wrap(prototype._listen2)
}

export function internalsOf(server: net.Server): net.Server & ServerInternals {
  return server as net.Server & ServerInternals
}

/** Responses that the server is in the middle of. */
export function responsesOf(server: net.Server): http.ServerResponse[] {
  const list = bySymbol(server, 'http.server.connections')
  if (!isConnectionsList(list)) return []
  return list.all().flatMap(({ socket }) => (socket?._httpMessage ? [socket._httpMessage] : []))
}

/** A header that was sent: what goes to writeHead alone is in the text only. Null before. */
export function headerOf(
  response: http.ServerResponse & { readonly _header?: string | null },
  name: string,
): string | null {
  return new RegExp(`\\r\\n${name}: *([^\\r]*)`, 'i').exec(response._header ?? '')?.[1] ?? null
}

export function streamsOf(session: http2.ServerHttp2Session): http2.ServerHttp2Stream[] {
  const state = bySymbol(session, 'state')
  const streams = typeof state === 'object' && state !== null && 'streams' in state ? state.streams : null
  return streams instanceof Map ? [...streams.values()] : []
}

/** ConnectionsList of the http_parser binding. */
interface ConnectionsList {
  all(): { readonly socket: (net.Socket & { _httpMessage?: http.ServerResponse | null }) | null }[]
}

function isConnectionsList(value: unknown): value is ConnectionsList {
  return typeof value === 'object' && value !== null && 'all' in value && typeof value.all === 'function'
}

function bySymbol(owner: object, description: string): unknown {
  const symbol = Object.getOwnPropertySymbols(owner).find((each) => each.description === description)
  return symbol === undefined ? undefined : Reflect.get(owner, symbol)
}
