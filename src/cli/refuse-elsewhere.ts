/** Of the commands that supervise: what they ask of the kernel is Linux's alone. */

import { AutoupError } from '../core/errors.ts'
import type { Io } from './io.ts'

/** Throws AutoupError `failed` with one sentence. */
export function refuseElsewhere(command: string, { platform }: Pick<Io, 'platform'>): void {
  if (platform === 'linux') return
  const advice = 'run it there, or in a container'
  throw new AutoupError('failed', `autoup ${command} needs Linux, and this is ${platform}: ${advice}`)
}
