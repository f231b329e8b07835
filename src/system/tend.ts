/**
 * Keeps a shared listener as the master made it. Workers change what they share: a worker's own `listen()` shrinks
 * the backlog for all, another clears O_NONBLOCK, a third calls shutdown(2). `tend` runs each second and after every
 * ready and exit; it costs a handful of system calls and never accepts.
 */

import { existsSync, statSync } from 'node:fs'
import { type Address, parseListen } from '../core/address.ts'
import { BACKLOG, bindListener } from './bind-listener.ts'
import { describeSocket } from './describe-socket.ts'
import { close, setNonBlocking } from './libc/descriptors.ts'
import { disconnect, getsockopt, isListening, isShut, listen } from './libc/sockets.ts'
import { inodeOf, type Listener } from './listeners.ts'

/**
 * `fine`: it listens, with our backlog, and does not block. `revived`: it was shut down and listens again, for every
 * holder. `lost`: it cannot be had back, because it is a unix socket that was shut or whose path is gone, or because
 * somebody took the port meanwhile; call `rebind` and start a new generation.
 */
export function tend(listener: Listener): 'fine' | 'revived' | 'lost' {
  const { fd, family, path, port } = listener
  if (family === 'other') return 'fine'
  const didListen = isListening(fd)
  setNonBlocking(fd, true)
  try {
    // Shut down once more when it did not listen any longer, it would hand on that mark to each connection, which is
    // reset.
    if (!didListen && family !== 'unix') disconnect(fd)
    listen(fd, BACKLOG)
  } catch {
    return 'lost'
  }
  // A unix socket says that it listens even when it was shut (unix(7) has no word of it); poll(2) tells.
  if (family === 'unix') return isShut(fd) || isUnlinked(path) ? 'lost' : 'fine'
  if (didListen) return 'fine'
  return describeSocket(fd).port === port ? 'revived' : 'lost'
}

/**
 * Binds the same address anew, in place: `fd` and `inode` change, a unix path keeps its mode and owner. Workers that
 * hold the old socket get nothing more. Throws AutoupError `failed`; the listener is as before then.
 */
export function rebind(listener: Listener): void {
  const { path } = listener
  const file = !path?.startsWith('/') ? undefined : statSync(path, { throwIfNoEntry: false })
  const v6Only = getsockopt(listener.fd, 'SO_DOMAIN') === 10 && getsockopt(listener.fd, 'IPV6_V6ONLY') === 1
  const like = file ? { mode: file.mode & 0o7777, uid: file.uid, gid: file.gid } : null
  const fresh = bindListener(addressOf(listener), { v6Only, like })
  close(listener.fd)
  listener.fd = fresh
  listener.inode = inodeOf(fresh)
}

function addressOf({ spec, shown, port, path }: Listener): Address {
  if (path !== null) return spec?.address ?? { family: 'unix', path, mode: null, owner: null }
  const { address } = spec ?? parseListen(shown)
  // The port that was found when any was asked for.
  return address.family === 'tcp' && port !== null ? { ...address, port } : address
}

function isUnlinked(path: string | null): boolean {
  return path?.startsWith('/') === true && !existsSync(path)
}
