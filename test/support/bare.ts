/**
 * Workers without autoup: a socket bound by a small Python parent and inherited as descriptor 3, as the contract says.
 * For testing the examples and the load generator by themselves, and as the floor in comparisons.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { onEnd } from './on-end.ts'
import { findProgram } from './requirements.ts'

/** Binds the port, and execs one command for each line of its input with the socket as descriptor 3. */
const PARENT = `
import json, os, socket, subprocess, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(4096); s.setblocking(False)
os.dup2(s.fileno(), 3, inheritable=True)
for line in sys.stdin:
    words = ["/bin/sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"'] + json.loads(line)
    print(subprocess.Popen(words, pass_fds=[3], stdin=subprocess.DEVNULL, stdout=2).pid, flush=True)
`

export interface Bare {
  /** Starts one more worker on the socket and resolves with its pid. */
  start(command: string[]): Promise<number>
}

/** Ends, with all its workers, when the test ends. */
export function bareParent(port: number): Bare {
  const python = findProgram('python3')
  if (!python) throw new Error('python3 is needed')
  const parent: ChildProcess = spawn('/usr/bin/python3', ['-u', '-c', PARENT, String(port)], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onEnd(() => process.kill(-parent.pid!, 'SIGKILL'))
  return {
    async start(command) {
      parent.stdin!.write(`${JSON.stringify(command)}\n`)
      const [pid] = await once(parent.stdout!, 'data')
      return Number(String(pid))
    },
  }
}
