/** Small looks at files by path: none of them throws for a file that is not there, but the one that reads. */

import { closeSync, openSync, readSync, statSync } from 'node:fs'

/** Also where a part of the path is a file, or nobody may look. */
export function isFile(path: string): boolean {
  return modeOf(path) !== null
}

/** For anybody: by its mode, since who asks is not who will run it. */
export function isExecutable(path: string): boolean {
  return ((modeOf(path) ?? 0) & 0o111) !== 0
}

/** The same where who asks may look; where he may not, nothing speaks against it. */
export function mayBeExecutable(path: string): boolean {
  return isExecutable(path) || isHidden(path)
}

/** The first bytes; fewer where the file has no more. */
export function readHead(path: string, bytes: number): Buffer {
  const fd = openSync(path, 'r')
  try {
    const head = Buffer.alloc(bytes)
    return head.subarray(0, readSync(fd, head, 0, bytes, 0))
  } finally {
    closeSync(fd)
  }
}

/** In a folder of somebody else, which is closed to others. */
function isHidden(path: string): boolean {
  try {
    statSync(path)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES'
  }
}

function modeOf(path: string): number | null {
  try {
    const stats = statSync(path)
    return stats.isFile() ? stats.mode : null
  } catch {
    return null
  }
}
