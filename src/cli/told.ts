/** What a person is told of an error, and the exit status of DESIGN.md section 5. */

import { AutoupError, EXIT_STATUS } from '../core/errors.ts'
import type { Io } from './io.ts'

/** A mistake of the user is one sentence; a bug is a stack and 1. */
export function told(error: unknown, io: Pick<Io, 'stderr'>): number {
  if (error instanceof AutoupError) {
    io.stderr.write(`autoup: ${error.message}\n`)
    return EXIT_STATUS[error.code]
  }
  const what = error instanceof Error ? error.stack : error
  io.stderr.write(`autoup: this is a bug in autoup; please report it:\n${what}\n`)
  return 1
}
