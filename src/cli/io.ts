/**
 * What a command sees of the process it runs in. Made for real in exactly one place, `processIo`; tests give their
 * own. Data goes to stdout, talk to stderr. `process.stdout` and `process.stderr` are touched only when written to:
 * to make them changes what workers inherit (see log-output.ts).
 */

import { isatty } from 'node:tty'
import type { Output } from '../report/output.ts'
import { logOutput } from './log-output.ts'
import type { Screen, ScreenEvents } from './screen.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface Io {
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Environment
  readonly cwd: string
  readonly platform: string
  readonly isRoot: boolean
  /** Takes the terminal over; null where stdout is none. */
  openScreen(events: ScreenEvents): Promise<Screen | null>
}

export interface ProcessIo extends Io {
  /** Resolves when all is written; to be awaited last. What a reader of a pipe has not taken yet is lost by an exit. */
  end(): Promise<void>
}

type Ended = Output & Pick<ProcessIo, 'end'>

const STDOUT = 1
const STDERR = 2

/** `onUnwritten` is called when stdout takes no more: nobody reads it (`autoup events | head`), or there is no room. */
export function processIo(onUnwritten: (error: Error) => void): ProcessIo {
  const { env, platform } = process
  const stdout = lazily(isatty(STDOUT), () => process.stdout, onUnwritten)
  // A terminal is opened anew by libuv, and may go away (EIO).
  const stderr = isatty(STDERR) ? lazily(true, () => process.stderr, ignore) : logOutput(STDERR)
  return {
    stdout,
    stderr,
    env,
    cwd: process.cwd(),
    platform,
    isRoot: process.getuid?.() === 0,
    openScreen: async (events) => {
      if (!isatty(STDOUT)) return null
      const { openScreen } = await import('./screen.ts')
      return openScreen(process.stdin, process.stdout, events)
    },
    end: async () => {
      await Promise.all([stdout.end(), stderr.end()])
    },
  }
}

function lazily(isTTY: boolean, open: () => NodeJS.WriteStream, onError: (error: Error) => void): Ended {
  let stream: NodeJS.WriteStream | null = null
  const opened = (): NodeJS.WriteStream => {
    stream ??= open().on('error', onError)
    return stream
  }
  return {
    isTTY,
    get columns() {
      // 0 on a serial console, and in a container before its terminal is measured: nobody knows.
      return (isTTY && opened().columns) || undefined
    },
    write: (text) => opened().write(text),
    end: () => new Promise((resolve) => (stream === null ? resolve() : stream.write('', () => resolve()))),
  }
}

function ignore(): void {}
