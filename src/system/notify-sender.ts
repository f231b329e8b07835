/**
 * The sending side of sd_notify(3), for a master that is itself supervised. A socket for each message: none is left
 * that a child could inherit, and a supervisor that was started again in between is found by its path. The receiver
 * sees who sends by the credentials that the kernel adds (SCM_CREDENTIALS in unix(7)).
 */

import { writeSync } from 'node:fs'
import { errnoOf } from '../core/errors.ts'
import { close } from './libc/descriptors.ts'
import { connect, socket } from './libc/sockets.ts'

/** NOTIFY_SOCKET: a path, or `@name` for the abstract namespace. Other families (vsock:) are of virtual machines. */
export function isNotifyAddress(address: string): boolean {
  return /^[/@]./.test(address)
}

/** Whether it was taken; false when the receiver has no room just now. Throws the system error when nobody is there. */
export function sendNotification(address: string, message: string): boolean {
  const fd = socket('unix', 'datagram')
  try {
    connect(fd, { family: 'unix', path: address })
    writeSync(fd, message)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return false
    throw error
  } finally {
    close(fd)
  }
}
