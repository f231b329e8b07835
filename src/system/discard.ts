/**
 * The removal of what is of no use any more and hinders nobody: a socket, a note, a temporary file of our own. Where it
 * cannot be removed, as on a disk that turned read-only, it stays, and whoever needs its place replaces it: nothing may
 * fail for that.
 */

import { rmSync } from 'node:fs'

/** Only with `recursive` a folder, and all that is in it. */
export function discard(path: string, options: { readonly recursive?: boolean } = {}): void {
  try {
    rmSync(path, { ...options, force: true })
  } catch {
    // Not now, or not ours.
  }
}
