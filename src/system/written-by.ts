/** Which files the processes below another one have open for writing: what they write themselves is no news to them. */

import { readFileSync } from 'node:fs'
import { openFiles, treeOf } from './procfs.ts'

/** O_WRONLY and O_RDWR: the two lowest bits of `flags:` in /proc/PID/fdinfo (proc(5)), in octal. */
const IS_FOR_WRITING = /^flags:\s*[0-7]*[1235-7]$/m

/** Absolute paths without links; of `pid` itself as well. */
export function filesWrittenBy(pid: number): Set<string> {
  const paths = new Set<string>()
  for (const each of treeOf(pid)) {
    for (const { fd, target } of openFiles(each)) {
      if (target.startsWith('/') && IS_FOR_WRITING.test(flagsOf(each, fd))) paths.add(target)
    }
  }
  return paths
}

function flagsOf(pid: number, fd: string): string {
  try {
    return readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')
  } catch {
    return ''
  }
}
