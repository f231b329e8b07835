/**
 * The standard error of a master where it is no terminal. Workers write to the same pipe, and what `process.stderr`
 * does to it harms them: it sets O_NONBLOCK on the open file description that all share (open(2)), and a Python or C
 * program then fails with EAGAIN when the reader is slow. So a pipe is opened a second time, for this process alone,
 * and the bytes are written by hand: a reader that stalls holds up neither the master nor its workers. What cannot be
 * written is kept up to a bound, then dropped and counted.
 */

import { constants, fstatSync, openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { errnoOf } from '../core/errors.ts'
import type { Output } from '../report/output.ts'

export interface LogOutput extends Output {
  /** Waits a moment for a slow reader, at the very end. */
  end(): Promise<void>
}

const KEPT_BYTES = 1024 * 1024
const RETRY_MS = 20
const LAST_WAIT_MS = 1_000

export function logOutput(inherited: number): LogOutput {
  const fd = ownDescriptor(inherited)
  const queue: Buffer[] = []
  let queued = 0
  let dropped = 0
  let timer: NodeJS.Timeout | null = null

  function add(text: string): void {
    const bytes = Buffer.from(text)
    queue.push(bytes)
    queued += bytes.length
  }

  function flush(): void {
    for (let first = queue[0]; first !== undefined; first = queue[0]) {
      const written = tryWrite(fd, first)
      queued -= written
      if (written < first.length) {
        queue[0] = first.subarray(written)
        timer ??= setTimeout(retry, RETRY_MS).unref()
        return
      }
      queue.shift()
      if (queue.length > 0 || dropped === 0) continue
      add(`autoup: ${dropped} lines are missing here: nobody read them in time\n`)
      dropped = 0
    }
  }

  function retry(): void {
    timer = null
    flush()
  }

  return {
    write(text) {
      if (queued > KEPT_BYTES) dropped++
      else add(text)
      if (timer === null) flush()
    },
    async end() {
      for (let waited = 0; queued > 0 && waited < LAST_WAIT_MS; waited += RETRY_MS) {
        await sleep(RETRY_MS)
        flush()
      }
    },
  }
}

/** A socket cannot be opened again, nor what another user made: then the inherited descriptor has to do. */
function ownDescriptor(inherited: number): number {
  try {
    if (!fstatSync(inherited).isFIFO()) return inherited
    return openSync(`/proc/self/fd/${inherited}`, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    return inherited
  }
}

/** How much was written. Where nobody is left to read, all of it: a master whose log is gone serves on. */
function tryWrite(fd: number, bytes: Buffer): number {
  try {
    return writeSync(fd, bytes)
  } catch (error) {
    return errnoOf(error) === 'EAGAIN' ? 0 : bytes.length
  }
}
