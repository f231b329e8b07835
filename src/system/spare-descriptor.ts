/**
 * One descriptor kept for the moment at which there are no others (EMFILE of open(2)): whoever has to look into /proc
 * then, to end a session or to see who lives, gets it for as long as the look takes. Held from the import on, by this
 * process.
 */

import { closeSync, openSync } from 'node:fs'
import { errnoOf } from '../core/errors.ts'

let spare: number | null = open()

/** `run` once more with the spare one given up, if it failed for want of a descriptor. It keeps none open. */
export function withSpare<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (spare === null || !isWant(errnoOf(error))) throw error
    closeSync(spare)
    spare = null
    try {
      return run()
    } finally {
      spare = open()
    }
  }
}

function isWant(errno: string | null): boolean {
  return errno === 'EMFILE' || errno === 'ENFILE'
}

/** Node sets O_CLOEXEC on all it opens. */
function open(): number | null {
  try {
    return openSync('/dev/null', 'r')
  } catch {
    return null
  }
}
