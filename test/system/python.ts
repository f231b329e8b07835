/** Python children that hold sockets of the test, since Python does to a socket exactly what it is told to. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { onEnd } from '../support/on-end.ts'

/** Where the first passed descriptor is in the child. */
export const FIRST_FD = 3

/** Runs to its end with `fds` from 3 on, and gives back what it printed. */
export function python(script: string, fds: readonly number[] = [], args: readonly string[] = []): string {
  return execFileSync('python3', ['-c', script, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit', ...fds],
    timeout: 15_000,
  }).trim()
}

/** Starts one that prints a line when it is ready; it is killed at the end of the test. */
export async function startPython(
  script: string,
  fds: readonly number[] = [],
  args: readonly string[] = [],
): Promise<{ child: ChildProcess; pid: number; line: string }> {
  const child = spawn('python3', ['-c', script, ...args], { stdio: ['ignore', 'pipe', 'inherit', ...fds] })
  onEnd(() => end(child))
  const [line] = (await once(child.stdout as NonNullable<typeof child.stdout>, 'data')) as [Buffer]
  return { child, pid: child.pid as number, line: line.toString().trim() }
}

/** SIGKILL, and waits until it is gone. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

/** The socket on descriptor 3 as `s`. */
export const SOCKET = `import socket, sys; s = socket.socket(fileno=${FIRST_FD}); `

/** Accepts one connection on descriptor 3, says `hello` to it, and ends. */
export const ANSWER = `${SOCKET}s.settimeout(10); c, _ = s.accept(); c.sendall(b"hello"); c.close()`
