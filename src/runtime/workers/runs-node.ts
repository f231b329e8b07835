/**
 * Whether a command is Node, by its name or by the `#!` of a script (execve(2)). The preload gives such a program its
 * sockets and tells it itself what stands in the way, so nothing is to be guessed about why it ended.
 */

import { closeSync, openSync, readSync } from 'node:fs'
import { programName } from '../../core/presets.ts'

/** The first word is an absolute path. What cannot be read is taken to be something else. */
export function runsNode(argv: readonly string[]): boolean {
  return NODE.test(programName(argv)) || /^#!.*\bnode(?:js)?\b/.test(firstBytes(argv[0] ?? ''))
}

const NODE = /^node(?:js)?$/

/** As much of a `#!` line as Linux reads. */
const SHEBANG_BYTES = 256

function firstBytes(path: string): string {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return ''
  }
  try {
    const buffer = Buffer.alloc(SHEBANG_BYTES)
    return buffer.toString('latin1', 0, readSync(fd, buffer, 0, SHEBANG_BYTES, 0))
  } catch {
    return ''
  } finally {
    closeSync(fd)
  }
}
