/** A place in a worker's start at which it waits until the test lets it pass: reading from a fifo(7). */

import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from './master.ts'
import { onEnd } from './on-end.ts'

export interface Gate {
  /** A statement in CommonJS that waits. */
  readonly pass: string
  /** Lets everybody pass, whoever waits and whoever comes. */
  open(): void
}

/** One who passes takes one byte. */
const ENOUGH = Buffer.alloc(1_000)

export function gate(): Gate {
  const path = join(temporaryDirectory(), 'gate')
  execFileSync('mkfifo', [path])
  // Open for both, so that neither this nor the worker's open(2) waits for the other side.
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  onEnd(() => closeSync(fd))
  return {
    pass: `require('node:fs').readSync(require('node:fs').openSync(${JSON.stringify(path)}, 'r'), Buffer.alloc(1));`,
    open: () => void writeSync(fd, ENOUGH),
  }
}
