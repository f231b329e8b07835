/**
 * What a command sees of the process it runs in. Made for real in exactly one place, `processIo`; tests give their
 * own. Data goes to stdout, talk to stderr.
 */

import type { Output } from '../report/output.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface Io {
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Environment
  readonly cwd: string
  readonly platform: string
  readonly isRoot: boolean
}

export function processIo(): Io {
  const { stdout, stderr, env, platform } = process
  return { stdout, stderr, env, cwd: process.cwd(), platform, isRoot: process.getuid?.() === 0 }
}
