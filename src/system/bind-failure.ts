/** Why an address could not be listened on, as a sentence that ends in what to do. Looks around only once it failed. */

import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Address, formatAddress } from '../core/address.ts'
import { AutoupError, errnoOf, messageOf } from '../core/errors.ts'
import { findListeningOwner } from './port-owner.ts'

export function bindFailure(address: Address, error: unknown): AutoupError {
  if (error instanceof AutoupError) return error
  const why = address.family === 'unix' ? whyUnix(address.path, error) : whyTcp(address.host, address.port, error)
  return failure(formatAddress(address), why, error)
}

/** Somebody answers on the path. */
export function pathInUse(path: string): AutoupError {
  const who = owner({ family: 'unix', path, mode: null, owner: null }) ?? 'another process'
  return failure(`unix:${path}`, `${who} listens there; stop it, or choose another path`)
}

export function pathIsNoSocket(path: string): AutoupError {
  return failure(`unix:${path}`, 'there is something that is not a socket; remove it, or choose another path')
}

function failure(shown: string, why: string, cause?: unknown): AutoupError {
  return new AutoupError('failed', `cannot listen on ${shown}: ${why}`, {
    cause,
    data: { address: shown, errno: errnoOf(cause) },
  })
}

function whyTcp(host: string | null, port: number, error: unknown): string {
  switch (errnoOf(error)) {
    case 'EADDRINUSE': {
      const who = owner({ family: 'tcp', host, port })
      return `the port is in use by ${who ?? 'a process that this user cannot see'}; stop it, or choose another port`
    }
    case 'EACCES':
      return whyForbidden(port)
    case 'EADDRNOTAVAIL':
      return `no network interface here has that address; see 'ip address', or listen on ${port} for all addresses`
    case 'EAFNOSUPPORT':
      return 'IPv6 is off on this machine; give an IPv4 address'
    case 'EINVAL':
      if (/^\[?fe[89ab]/i.test(host ?? '') && !host?.includes('%')) {
        return `a link-local address needs its interface, such as [${host}%eth0]:${port}`
      }
      return `${messageOf(error)}; write 8080, 127.0.0.1:8080 or [::1]:8080`
    default:
      return messageOf(error)
  }
}

function whyForbidden(port: number): string {
  const first = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'))
  if (port >= first) return 'the system forbids it (SELinux, or a container); choose another port'
  const ways = `'setcap cap_net_bind_service=+ep ${process.execPath}', or a systemd socket unit`
  return `ports below ${first} are for root; run as root, or use ${ways}, or choose a higher port`
}

function whyUnix(path: string, error: unknown): string {
  const directory = dirname(path)
  switch (errnoOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return `the directory ${directory} does not exist; create it, or let RuntimeDirectory= of the unit do so`
    case 'EACCES':
      return `this user may not write in ${directory}, or not touch the socket that is there; change its owner or mode`
    case 'EPERM':
      return 'only root may give it to that owner; run as root, or leave owner= out'
    case 'EROFS':
      return `${directory} is on a read-only file system; choose another path, such as one in /run`
    default:
      return messageOf(error)
  }
}

function owner(address: Address): string | null {
  const found = findListeningOwner(address)
  if (found?.pid === process.pid) return 'this very process (another --listen, or an inherited socket, covers it)'
  return found && `${found.command} (pid ${found.pid})`
}
