/** A process as commands see it, that remembers what was written. */

import type { Io } from '../../src/cli/io.ts'
import { main } from '../../src/cli/main.ts'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export async function autoup(args: readonly string[], own: Partial<Io> = {}): Promise<Ran> {
  const out = memory()
  const err = memory()
  const io: Io = { ...nowhere(), stdout: out, stderr: err, ...own }
  const code = await main(args, io)
  return { code, stdout: out.text(), stderr: err.text() }
}

export function nowhere(): Io {
  return {
    stdout: memory(),
    stderr: memory(),
    env: {},
    cwd: '/',
    platform: 'linux',
    isRoot: true,
    openScreen: async () => null,
  }
}

export function memory(isTTY = false): { write(text: string): void; text(): string; isTTY: boolean; columns: number } {
  const parts: string[] = []
  return { write: (text) => void parts.push(text), text: () => parts.join(''), isTTY, columns: 80 }
}
