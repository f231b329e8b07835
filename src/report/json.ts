/** Events as they are, one JSON object per line: what log collectors and `autoup events --json` give on. */

import type { Stamped } from '../core/events.ts'
import type { Output } from './output.ts'

export function jsonReporter(stream: Output): (event: Stamped) => void {
  return (event) => {
    stream.write(`${JSON.stringify(event)}\n`)
  }
}
