/** errno(3) as an Error like Node's own: `EADDRINUSE: address already in use, bind`. */

import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'

export function systemError(errno: number, name: string): NodeJS.ErrnoException {
  const [code, text] = getSystemErrorMap().get(-errno) ?? [codeOf(errno), 'unknown to Node']
  return Object.assign(new Error(`${code}: ${text}, ${name}`), { code, errno: -errno, syscall: name })
}

/** libuv knows only the errors it may meet itself. */
function codeOf(errno: number): string {
  return Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `E${errno}`
}
