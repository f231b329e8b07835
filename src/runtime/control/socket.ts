/**
 * The place of the control socket: `<state-dir>/<name>/control.sock`, mode 0600. Node 20 silently cuts a socket path
 * that is longer than sun_path (107 bytes, unix(7)), and a state directory may well be deeper, so it is bound through
 * `/proc/self/fd/<directory>` (proc(5)). It is made in a folder that only its owner can enter and then renamed into
 * place: at no instant can somebody else connect, and what a killed master left is replaced without a gap.
 * The caller holds the lock on the directory.
 */

import { chmodSync, closeSync, constants, mkdirSync, openSync, renameSync, rmSync } from 'node:fs'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { AutoupError, messageOf } from '../../core/errors.ts'
import { discard } from '../../system/discard.ts'

export const CONTROL_SOCKET = 'control.sock'

/** Where it is made; left over only by a master that died in these milliseconds, and removed by the next. */
const CRADLE = '.control'

/** Throws AutoupError `failed`. */
export async function bindControlSocket(server: Server, directory: string): Promise<void> {
  const cradle = join(directory, CRADLE)
  let fd: number | null = null
  try {
    fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY)
    rmSync(cradle, { recursive: true, force: true })
    mkdirSync(cradle, { mode: 0o700 })
    await listen(server, `/proc/self/fd/${fd}/${CRADLE}/${CONTROL_SOCKET}`)
    chmodSync(join(cradle, CONTROL_SOCKET), 0o600)
    renameSync(join(cradle, CONTROL_SOCKET), join(directory, CONTROL_SOCKET))
  } catch (cause) {
    server.close()
    throw new AutoupError('failed', `cannot make the control socket in ${directory}: ${messageOf(cause)}`, { cause })
  } finally {
    discard(cradle, { recursive: true })
    if (fd !== null) closeSync(fd)
  }
}

/** Node unlinks what it bound, which by then has another name. */
export function removeControlSocket(directory: string): void {
  discard(join(directory, CONTROL_SOCKET))
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
