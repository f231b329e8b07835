/** A place in a worker's start at which it waits, its event loop free, until the test lets it pass. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from './master.ts'

/** For the master: who waits at a gate is let in by the test, and by no clock. */
export const PATIENT = ['--ready-timeout', '60s']

export interface Gate {
  /** An expression in CommonJS: a promise of the way being free. */
  readonly opened: string
  /** Lets everybody pass, whoever waits and whoever comes. */
  open(): void
}

export function gate(): Gate {
  const folder = temporaryDirectory()
  const sign = join(folder, 'open')
  return {
    // Watched before it is looked at, so that nothing falls between.
    opened: `new Promise((pass) => {
      const fs = require('node:fs')
      const watcher = fs.watch(${JSON.stringify(folder)}, look)
      function look() {
        if (fs.existsSync(${JSON.stringify(sign)})) pass(watcher.close())
      }
      look()
    })`,
    open: () => writeFileSync(sign, ''),
  }
}
