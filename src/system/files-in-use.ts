/**
 * Which files a process has to do with, as /proc shows them: where it works, what it runs, what it has mapped and open.
 * This tells what a process is made of also where it has written its title over its environment and its arguments. A
 * file that is unlinked by now keeps its path here.
 */

import { readFileSync, readlinkSync } from 'node:fs'
import { openFiles } from './procfs.ts'

/** Absolute and without links, as the kernel says them. Empty for a process that is gone or may not be looked into. */
export function* filesInUse(pid: number): Generator<string> {
  for (const name of ['cwd', 'exe', 'root']) yield* pathIn(linkOf(`/proc/${pid}/${name}`))
  for (const { target } of openFiles(pid)) yield* pathIn(target)
  // `address perms offset dev inode path` (proc_pid_maps(5)); a library stands there once for each of its parts.
  let last = ''
  for (const match of textOf(`/proc/${pid}/maps`).matchAll(/ (\/.*)$/gm)) {
    const path = match[1] as string
    if (path !== last) yield* pathIn(path)
    last = path
  }
}

function* pathIn(target: string): Generator<string> {
  if (target.startsWith('/')) yield target.replace(/ \(deleted\)$/, '')
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
