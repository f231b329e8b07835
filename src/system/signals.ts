/** Names of signals (signal(7)) as people write them: `TERM`, `SIGTERM`, `term`. Inside, always `SIGTERM`. */

import { constants } from 'node:os'
import { AutoupError } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'

export function isSignalName(text: string): boolean {
  return normalize(text) in constants.signals
}

/** `SIGTERM` for any way to write it. Throws AutoupError `usage` that suggests the nearest name. */
export function signalName(text: string): NodeJS.Signals {
  const name = normalize(text)
  if (name in constants.signals) return name as NodeJS.Signals
  const near = nearest(name, Object.keys(constants.signals))
  throw new AutoupError(
    'usage',
    near === null
      ? `'${text}' is not a signal: write a name such as TERM, QUIT or INT`
      : `'${text}' is not a signal: did you mean ${near.slice(3)}?`,
  )
}

function normalize(text: string): string {
  const upper = text.trim().toUpperCase()
  return upper.startsWith('SIG') ? upper : `SIG${upper}`
}
