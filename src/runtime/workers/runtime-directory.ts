/**
 * The short directory of the notify sockets. A killed master cannot remove its own, so the state directory holds a link
 * to it (`run`), and the next master follows that.
 */

import { lstatSync, readlinkSync, rmSync } from 'node:fs'
import { basename } from 'node:path'
import type { StorePaths } from '../../store/layout.ts'
import { linkAtomically } from '../../system/atomic.ts'
import { createRuntimeDirectory } from '../../system/notify.ts'

/** A new one; the one before is removed. Throws AutoupError `failed` where none can be made. */
export function renewRuntimeDirectory(paths: StorePaths): string {
  removeFormer(paths.run)
  const directory = createRuntimeDirectory()
  try {
    linkAtomically(directory, paths.run)
  } catch {
    // A full disk: a kill now leaves an empty directory in /run or /tmp.
  }
  return directory
}

function removeFormer(link: string): void {
  try {
    const former = readlinkSync(link)
    const isOurs = /^autoup-[A-Za-z0-9]{6}$/.test(basename(former)) && lstatSync(former).uid === process.geteuid?.()
    if (isOurs) rmSync(former, { recursive: true, force: true })
  } catch {
    // There was none, or it is gone.
  }
}
