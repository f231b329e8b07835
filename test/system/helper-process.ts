/** A real process that a test talks to: it says lines on stdout, and ends with the test. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { onEnd } from '../support/on-end.ts'

export interface Helper {
  readonly pid: number
  /** The next line it says; rejects when it ends without one. */
  line(): Promise<string>
  write(text: string): void
  /** Resolves when it has ended, by whatever, and is reaped. */
  readonly ended: Promise<unknown>
  /** SIGKILL; resolves when it is gone and reaped. */
  kill(): Promise<void>
}

export function start(
  argv: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; stdio?: number[] } = {},
): Helper {
  const child = spawn(argv[0] as string, argv.slice(1), {
    stdio: ['pipe', 'pipe', 'inherit', ...(options.stdio ?? [])],
    cwd: options.cwd,
    env: options.env ?? process.env,
    detached: true,
  })
  const ended = once(child, 'exit')
  child.stdin?.on('error', () => undefined)
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
  const kill = async () => {
    try {
      process.kill(-(child.pid as number), 'SIGKILL')
    } catch {
      // gone already
    }
    await ended
  }
  onEnd(kill)
  return {
    pid: child.pid as number,
    ended,
    async line() {
      const next = await lines.next()
      if (next.done) throw new Error(`${argv.join(' ')} ended without a line`)
      return next.value
    },
    write: (text) => child.stdin?.write(text),
    kill,
  }
}
