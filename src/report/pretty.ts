/**
 * Events for a person: one line each, local time, what it is about, the sentence. On a terminal the progress of a
 * download is one line that rewrites itself and is gone with the next event; elsewhere it is a line now and then.
 */

import type { Stamped } from '../core/events.ts'
import { hasColor, type Paint, painter } from './color.ts'
import type { Output } from './output.ts'
import { progressFilter } from './progress-filter.ts'
import { type Sentence, sentence, type Weight } from './sentence.ts'

const SUBJECT_WIDTH = 8
const BAR_WIDTH = 24
/** Erase the line, in both directions (ECMA-48 EL 2). */
const ERASE = '\r\u001b[2K'

const COLORS: Readonly<Record<Weight, 'dim' | 'cyan' | 'green' | 'yellow' | 'red'>> = {
  detail: 'dim',
  info: 'cyan',
  good: 'green',
  warning: 'yellow',
  error: 'red',
}

export function prettyReporter(stream: Output): (event: Stamped) => void {
  const isTerminal = stream.isTTY === true
  const paint = painter(hasColor(isTerminal))
  const isWorthALine = progressFilter()
  let hasProgress = false
  return (event) => {
    const before = hasProgress ? ERASE : ''
    if (event.type === 'fetch-progress' && isTerminal) {
      // The cursor goes back to the first column: whatever a worker prints meanwhile overwrites the bar.
      stream.write(`${before}${progressLine(event, stream.columns ?? 80, paint)}\r`)
      hasProgress = true
    } else if (isWorthALine(event)) {
      stream.write(`${before}${prettyLine(event, paint)}\n`)
      hasProgress = false
    }
  }
}

/** Without the line feed. */
export function prettyLine(event: Stamped, paint: Paint): string {
  const said = sentence(event)
  const text = said.weight === 'detail' ? paint('dim', said.text) : said.text
  return `${start(event, said, paint)}${text}`
}

function progressLine(event: Extract<Stamped, { type: 'fetch-progress' }>, columns: number, paint: Paint): string {
  const said = sentence(event)
  const { bytes, total } = event
  const filled = total ? Math.min(BAR_WIDTH, Math.round((bytes / total) * BAR_WIDTH)) : 0
  const bar = total ? `  ${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}` : ''
  const room = columns - 1 - '00:00:00.000  '.length - SUBJECT_WIDTH - 2
  return `${start(event, said, paint)}${`${said.text}${bar}`.slice(0, Math.max(0, room))}`
}

function start(event: Stamped, said: Sentence, paint: Paint): string {
  return `${paint('dim', clock(event.at))}  ${paint(COLORS[said.weight], said.subject.padEnd(SUBJECT_WIDTH))}  `
}

/** HH:MM:SS.mmm of the local time zone. */
function clock(at: string): string {
  const date = new Date(at)
  const two = (value: number): string => String(value).padStart(2, '0')
  const milliseconds = String(date.getMilliseconds()).padStart(3, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${milliseconds}`
}
