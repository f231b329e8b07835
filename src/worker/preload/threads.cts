/**
 * A server in a worker thread: this preload is not there, so that its `listen` fails where the master holds the
 * address. The error comes to the main thread when nobody handles it, and then one line says what it means.
 */

import { type Asked, shown } from './addresses.cts'
import { tell } from './tell.cts'

/** Anybody may have made this error. */
interface Named {
  readonly address?: unknown
  readonly port?: unknown
}

/** `isDeclared` is asked for an address that somebody has already. */
export function explainThreads(isDeclared: (asked: Asked) => boolean): void {
  process.on('uncaughtExceptionMonitor', (error: NodeJS.ErrnoException & Named) => {
    const asked = error?.code === 'EADDRINUSE' && error.syscall === 'listen' ? askedFor(error) : null
    if (asked === null || !isDeclared(asked)) return
    tell(
      `the app listens on ${shown(asked)} in a worker thread, where the socket does not get to; let it listen in the ` +
        'main thread',
    )
  })
}

/** For a path there is no port; of a descriptor Node names no address. */
function askedFor({ address, port }: Named): Asked | null {
  if (typeof address !== 'string') return null
  return typeof port === 'number' && port >= 0 ? { kind: 'tcp', host: address, port } : { kind: 'unix', path: address }
}
