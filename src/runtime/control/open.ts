/**
 * The control socket of a master, kept where commands look for it. Where there is no place to make it (a full disk),
 * and where it is removed later (with the state directory, or by who sweeps sockets), the master serves all the same,
 * says so, and makes it anew. Owned by the master, as the server is.
 */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../../core/errors.ts'
import { type ControlServer, startControlServer } from './server.ts'
import { CONTROL_SOCKET } from './socket.ts'

const LOOK_EVERY_MS = 5_000

/** Settles after the first try; `warn` hears once why one fails. */
export async function openControl(
  options: Parameters<typeof startControlServer>[0],
  warn: (message: string) => void,
): Promise<ControlServer> {
  const path = join(options.directory, CONTROL_SOCKET)
  let server: ControlServer | null = null
  let isTold = false

  async function open(): Promise<void> {
    const lost = server
    server = null
    await lost?.close()
    try {
      server = await startControlServer(options)
      isTold = false
    } catch (error) {
      if (!isTold) warn(`no command can reach this master until that is mended: ${messageOf(error)}`)
      isTold = true
    }
  }
  let opening = open()
  const timer = setInterval(() => {
    if (server === null || !existsSync(path)) opening = opening.then(open)
  }, LOOK_EVERY_MS)

  await opening
  return {
    async close() {
      clearInterval(timer)
      await opening
      await server?.close()
    },
  }
}
