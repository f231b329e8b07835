/**
 * Where inherited sockets are bound, and which of them an app means with the address it asks for. The kernel is asked,
 * so that it makes no difference who bound the socket: getsockname(2) for a port, /proc/net/unix (proc(5)) for a path.
 */

import { readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { basename, dirname, join, resolve } from 'node:path'

export type Bound =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'unknown' }

/** What `listen` asks for: host null is every address. */
export type Asked =
  | { readonly kind: 'tcp'; readonly host: string | null; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

/** How well it fits: 0 not at all; more is better. */
export function scoreOf(asked: Asked, bound: Bound): number {
  if (asked.kind === 'unix') return bound.kind === 'unix' && canonical(asked.path) === canonical(bound.path) ? EXACT : 0
  if (bound.kind !== 'tcp' || bound.port !== asked.port) return 0
  const host = plainHost(bound.host)
  if (isAnyHost(asked.host)) {
    if (!isAnyHost(host)) return NARROWER
    return asked.host === null || asked.host === host ? EXACT : WIDER
  }
  if (asked.host !== null && plainHost(asked.host) === host) return EXACT
  if (isAnyHost(host)) return WIDER
  // `localhost` is both, and some listen on both.
  return isLoopback(asked.host ?? '') && isLoopback(host) ? TWIN : 0
}

const EXACT = 4
/** The socket takes in more than was asked for: the operator has said so. */
const WIDER = 3
const TWIN = 2
/** The app asked for every address, the operator declared one. */
const NARROWER = 1

export function isAnyHost(host: string | null): boolean {
  return host === null || host === '::' || host === '0.0.0.0'
}

/** As `--listen` takes it. */
export function shown(address: Asked | Bound): string {
  switch (address.kind) {
    case 'unix':
      return `unix:${address.path}`
    case 'unknown':
      return 'a socket of another kind'
    case 'tcp':
      if (address.host === null || isAnyHost(address.host)) return String(address.port)
      return isIPv6(address.host) ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
  }
}

/** The path that a unix socket of this process is bound to. */
export function pathOf(fd: number): string | null {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1]
    const line = readFileSync('/proc/net/unix', 'utf8')
      .split('\n')
      // Num RefCount Protocol Flags Type St Inode Path
      .find((row) => row.trim().split(/ +/, 7)[6] === inode)
    return line === undefined ? null : (/^(?:\S+ +){7}(.*)$/.exec(line.trim())?.[1] ?? null)
  } catch {
    return null
  }
}

/** The folder may be reached through links (`/var/run`); the socket itself need not be there. */
function canonical(path: string): string {
  const absolute = resolve(path)
  try {
    return join(realpathSync(dirname(absolute)), basename(absolute))
  } catch {
    return absolute
  }
}

function plainHost(host: string): string {
  return host.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '')
}

function isLoopback(host: string): boolean {
  return host === '::1' || /^(?:::ffff:)?127\./.test(host)
}
