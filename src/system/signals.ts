/** Names of signals (signal(7)) as people write them: `TERM`, `SIGTERM`, `term`. Inside, always `SIGTERM`. */

import { constants } from 'node:os'
import { AutoupError } from '../core/errors.ts'

export function isSignalName(text: string): boolean {
  return normalize(text) in constants.signals
}

/** `SIGTERM` for any way to write it. Throws AutoupError `usage` that suggests the nearest name. */
export function signalName(text: string): NodeJS.Signals {
  const name = normalize(text)
  if (name in constants.signals) return name as NodeJS.Signals
  const near = nearest(name)
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

function nearest(name: string): string | null {
  let best: string | null = null
  // Half a short word changed is another word.
  let least = name.length > 6 ? 3 : 2
  for (const candidate of Object.keys(constants.signals)) {
    const distance = editDistance(name, candidate)
    if (distance < least) [best, least] = [candidate, distance]
  }
  return best
}

/** Insertions, deletions, replacements and swaps of neighbours between two words. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let cost = Math.min(
        (last[column] as number) + 1,
        (current[column - 1] as number) + 1,
        (last[column - 1] as number) + (same ? 0 : 1),
      )
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, (before[column - 2] as number) + 1)
      }
      current.push(cost)
    }
    before = last
    last = current
  }
  return last[b.length] as number
}
