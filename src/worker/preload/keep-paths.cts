/**
 * Servers on a unix socket remove its path before they listen and when they end, as what a crash leaves is in their
 * way. The path of an inherited socket is the master's: a new worker that removed it, or an old one as it ends, would
 * take the service off the network. Removing one of these does nothing.
 */

import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

/** `isKept` says of a path whether an inherited socket is bound to it. */
export function keepPaths(isKept: (path: string) => boolean): void {
  const keeps = (path: unknown): boolean => {
    try {
      return (typeof path === 'string' || path instanceof URL || Buffer.isBuffer(path)) && isKept(plain(path))
    } catch {
      return false
    }
  }
  for (const name of ['unlinkSync', 'rmSync'] as const) {
    const original = fs[name]
    Object.assign(fs, {
      [name]: (...args: unknown[]): unknown => (keeps(args[0]) ? undefined : Reflect.apply(original, fs, args)),
    })
  }
  for (const name of ['unlink', 'rm'] as const) {
    const original = fs[name]
    const promised = fs.promises[name]
    Object.assign(fs, {
      [name]: (...args: unknown[]): void => {
        const done = args.at(-1)
        if (keeps(args[0]) && typeof done === 'function') process.nextTick(() => done(null))
        else Reflect.apply(original, fs, args)
      },
    })
    Object.assign(fs.promises, {
      [name]: async (...args: unknown[]): Promise<void> => {
        if (!keeps(args[0])) await Reflect.apply(promised, fs.promises, args)
      },
    })
  }
  // For those who import them by name.
  syncBuiltinESMExports()
}

function plain(path: string | URL | Buffer): string {
  return path instanceof URL ? decodeURIComponent(path.pathname) : String(path)
}
