/**
 * The output of a process, line by line as it is written. It goes to a file and not to a pipe: workers inherit it and
 * outlive their master, a daemon may open /dev/stderr again (a socketpair, Node's "pipe", refuses that), and a slow
 * reader holds nobody back. inotify(7) says when there is more.
 */

import { closeSync, fstatSync, openSync, readSync, watch } from 'node:fs'

export interface Tail {
  /** Reads what is there now. */
  look(): void
  close(): void
}

/** Calls `onLine` with each whole line of `path`, which must exist, until closed. */
export function tail(path: string, onLine: (line: string) => void): Tail {
  const file = openSync(path, 'r')
  const watcher = watch(path, look)
  let offset = 0
  let rest = Buffer.alloc(0)
  let isOpen = true

  function look(): void {
    if (!isOpen) return
    const more = Buffer.alloc(fstatSync(file).size - offset)
    if (more.length === 0) return
    offset += readSync(file, more, 0, more.length, offset)
    const lines = Buffer.concat([rest, more])
    let from = 0
    for (let at = lines.indexOf(10); at >= 0; at = lines.indexOf(10, from)) {
      onLine(lines.toString('utf8', from, at))
      from = at + 1
    }
    rest = lines.subarray(from)
  }

  look()
  return {
    look,
    close() {
      look()
      isOpen = false
      watcher.close()
      closeSync(file)
    },
  }
}
