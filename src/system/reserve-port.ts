/**
 * A port of 127.0.0.1 set aside for a worker's private door. The socket is bound with SO_REUSEADDR and never
 * listens: the kernel gives the port to nobody else who asks for any port, while a server that sets SO_REUSEADDR, as
 * nearly all do, may bind and listen on it beside us (socket(7)). The reservation ends with `release` or our death.
 */

import { close } from './libc/descriptors.ts'
import { bind, getsockname, setsockopt, socket } from './libc/sockets.ts'

export interface ReservedPort {
  readonly port: number
  release(): void
}

export function reservePort(): ReservedPort {
  const fd = socket('tcp4')
  let isOpen = true
  const release = (): void => {
    if (isOpen) close(fd)
    isOpen = false
  }
  try {
    setsockopt(fd, 'SO_REUSEADDR', 1)
    bind(fd, { family: 'tcp4', host: '127.0.0.1', port: 0 })
    const { port } = getsockname(fd) as { port: number }
    return { port, release }
  } catch (error) {
    release()
    throw error
  }
}
