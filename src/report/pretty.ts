/**
 * Events for a person: one line each, local time, what it is about, the sentence. On a terminal the progress of a
 * download, and that it is verified and unpacked, is one line that rewrites itself and is gone with the next event;
 * elsewhere it is a line now and then.
 */

import type { Stamped } from '../core/events.ts'
import { hasColor, type Paint, painter } from './color.ts'
import { wrap } from './layout.ts'
import type { Output } from './output.ts'
import { paceMeter } from './pace.ts'
import { progressFilter } from './progress-filter.ts'
import { outputOf, type Sentence, sentence, type Weight } from './sentence.ts'

const SUBJECT_WIDTH = 8
/** Where the sentence begins. */
const TEXT_COLUMN = '00:00:00.000  '.length + SUBJECT_WIDTH + 2
const BAR_WIDTH = 24
/** A shorter one shows nothing that the figures do not. */
const LEAST_BAR = 8
/** `, 12.5 MB/s, 38 s left`: kept free, lest the bar comes and goes. */
const RATE_WIDTH = 23
/** Erase the line, in both directions (ECMA-48 EL 2). */
export const ERASE = '\r\u001b[2K'

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
  const pace = paceMeter()
  let hasPassing = false
  return (event) => {
    const before = hasPassing ? ERASE : ''
    const rate = pace(event)
    if (isTerminal && (event.type === 'fetch-progress' || event.type === 'release-fetched')) {
      // The cursor goes back to the first column: whatever a worker prints meanwhile overwrites it.
      // A serial console says that it has 0.
      stream.write(`${before}${passingLine(event, rate, stream.columns || 80, paint)}\r`)
      hasPassing = true
    } else if (isWorthALine(event)) {
      const line = `${prettyLine(event, paint)}${rate === '' ? '' : `, ${rate}`}`
      stream.write(`${before}${isTerminal ? fitted(line, stream.columns || 80) : line}\n`)
      hasPassing = false
    }
  }
}

/** Without the last line feed; what a command wrote stands under it. */
export function prettyLine(event: Stamped, paint: Paint): string {
  const said = sentence(event)
  const text = said.weight === 'detail' ? paint('dim', said.text) : said.text
  const under = outputOf(event).map((line) => `\n${' '.repeat(TEXT_COLUMN)}${paint('dim', `| ${line}`)}`)
  return `${start(event, said, paint)}${text}${under.join('')}`
}

/** What a command wrote stays as it is. */
function fitted(text: string, columns: number): string {
  const [line = '', ...under] = text.split('\n')
  return [...wrap(line, columns, TEXT_COLUMN), ...under].join('\n')
}

/** Never longer than the terminal is wide: what wraps cannot be rewritten. */
function passingLine(event: Stamped, rate: string, columns: number, paint: Paint): string {
  const said = sentence(event)
  const text = rate === '' ? said.text : `${said.text}, ${rate}`
  const room = Math.max(0, columns - 1 - TEXT_COLUMN)
  const share = event.type === 'fetch-progress' && event.total ? event.bytes / event.total : null
  return `${start(event, said, paint)}${`${text}${bar(share, room - Math.max(text.length, said.text.length + RATE_WIDTH) - 2)}`.slice(0, room)}`
}

function bar(share: number | null, room: number): string {
  const width = Math.min(BAR_WIDTH, room)
  if (share === null || width < LEAST_BAR) return ''
  const filled = Math.min(width, Math.round(share * width))
  return `  ${'█'.repeat(filled)}${'░'.repeat(width - filled)}`
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
