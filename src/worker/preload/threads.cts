/**
 * A server in a worker thread: this preload is not there, so that its `listen` fails where the master holds the
 * address. The error comes to the main thread when nobody handles it, and then one line says what it means.
 */

import { type Asked, shown } from './addresses.cts'
import { tell } from './tell.cts'

/** `isDeclared` is asked for an address that somebody has already. */
export function explainThreads(isDeclared: (asked: Asked) => boolean): void {
  process.on('uncaughtExceptionMonitor', (error: NodeJS.ErrnoException & { address?: string; port?: number }) => {
    const asked = error?.code === 'EADDRINUSE' && error.syscall === 'listen' ? askedFor(error) : null
    if (asked === null || !isDeclared(asked)) return
    tell(
      `the app listens on ${shown(asked)} in a worker thread, where the socket does not get to; let it listen in the ` +
        'main thread',
    )
  })
}

/** For a path there is no port. */
function askedFor({ address, port }: { readonly address?: string; readonly port?: number }): Asked | null {
  if (address === undefined) return null
  return port === undefined || port < 0 ? { kind: 'unix', path: address } : { kind: 'tcp', host: address, port }
}
