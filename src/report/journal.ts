/**
 * Events for the journal: a sentence each, with the priority as `<6>` in front (sd-daemon(3)) and without a time, which
 * the journal knows better. `journalctl -p warning` then shows what went wrong, and nothing else.
 */

import type { Stamped } from '../core/events.ts'
import type { Output } from './output.ts'
import { progressFilter } from './progress-filter.ts'
import { outputOf, sentence, type Weight } from './sentence.ts'

/** syslog(3). */
const PRIORITY: Readonly<Record<Weight, number>> = { error: 3, warning: 4, good: 5, info: 6, detail: 7 }

export function journalReporter(stream: Output): (event: Stamped) => void {
  const isWorthALine = progressFilter()
  return (event) => {
    if (!isWorthALine(event)) return
    const { weight, subject, text } = sentence(event)
    for (const line of [text, ...outputOf(event)]) stream.write(`<${PRIORITY[weight]}>${subject}: ${line}\n`)
  }
}
