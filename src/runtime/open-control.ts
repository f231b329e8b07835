/**
 * The control socket of a master that may have no place to make it: with a full disk it serves all the same, says so,
 * and tries again until a command can reach it. Owned by the master, as the server is.
 */

import { messageOf } from '../core/errors.ts'
import { type ControlServer, startControlServer } from './control-server.ts'

const RETRY_MS = 5_000

/** Settles after the first try; `warn` hears once why it failed. */
export async function openControl(
  options: Parameters<typeof startControlServer>[0],
  warn: (message: string) => void,
): Promise<ControlServer> {
  let server: ControlServer | null = null
  let timer: NodeJS.Timeout | null = null
  let isTold = false
  let isClosed = false

  async function open(): Promise<void> {
    try {
      server = await startControlServer(options)
    } catch (error) {
      if (!isTold) warn(`no command can reach this master until that is mended: ${messageOf(error)}`)
      isTold = true
      if (!isClosed) timer = setTimeout(tryAgain, RETRY_MS)
    }
  }
  let opening = open()
  function tryAgain(): void {
    opening = open()
  }

  await opening
  return {
    async close() {
      isClosed = true
      if (timer) clearTimeout(timer)
      await opening
      await server?.close()
    },
  }
}
