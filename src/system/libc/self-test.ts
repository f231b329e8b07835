/** Whether calls to libc work on this machine, asked once at the start of a master. */

import { AutoupError, messageOf } from '../../core/errors.ts'
import { SOCKET_TYPE } from './constants.ts'
import { close, isNonBlocking, setNonBlocking } from './descriptors.ts'
import { native } from './native.ts'
import { getsockopt, socket } from './sockets.ts'

/** Throws AutoupError `failed` with one plain sentence where they do not. */
export function selfTest(): void {
  if (process.platform !== 'linux') {
    throw new AutoupError('failed', `autoup runs services on Linux only, this is ${process.platform}`)
  }
  let problem = ''
  try {
    const pid = native().getpid()
    if (pid !== process.pid) problem = `getpid says ${pid} instead of ${process.pid}`
    const fd = socket('unix', 'datagram')
    try {
      if (getsockopt(fd, 'SO_TYPE') !== SOCKET_TYPE.datagram) problem = 'getsockopt does not know its own socket'
      setNonBlocking(fd, false)
      if (isNonBlocking(fd)) problem = 'fcntl does not change its flags'
    } finally {
      close(fd)
    }
  } catch (cause) {
    if (cause instanceof AutoupError) throw cause
    problem = messageOf(cause)
  }
  if (problem) throw new AutoupError('failed', `calls to libc go wrong on this machine (${problem}); please report it`)
}
