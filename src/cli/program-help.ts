/**
 * What `autoup --help` shows. Written here rather than by commander, which shows the help of a command: that alone
 * takes a fifth of the time that Node itself needs to start, and this is what people see first.
 */

import { hasColor, painter } from '../report/color.ts'
import { COMMANDS } from './commands.ts'
import type { Io } from './io.ts'

const WIDEST = 100
/** Where nobody says: of what reads the output, it may be a pager on a terminal that is no wider. */
const USUAL_WIDTH = 80

type Row = readonly [term: string, what: string]

const OPTIONS: readonly Row[] = [
  ['-V, --version', 'the version of autoup'],
  ['-h, --help', 'this help'],
]

const EXAMPLES: readonly Row[] = [
  ['autoup run --fetch github:org/app --listen 8080', 'publish a release there: it is live here'],
  ['autoup upgrade app', 'now, by hand, and wait for the verdict'],
]

/** Whether nothing else is asked for. */
export function isHelp([word = '--help', ...more]: readonly string[]): boolean {
  return more.length === 0 && ['--help', '-h', 'help'].includes(word)
}

/** Columns. */
export function helpWidth({ columns }: Pick<Io['stdout'], 'columns'>): number {
  return Math.min(WIDEST, columns || USUAL_WIDTH)
}

/** Ends with a line feed. */
export function programHelp({ stdout, env }: Pick<Io, 'stdout' | 'env'>): string {
  const paint = painter(hasColor(stdout.isTTY === true, env))
  const entries = Object.entries(COMMANDS)
  const groups = [...new Set(entries.map(([, { group }]) => group))]
  const table = (rows: readonly Row[]): string[] => {
    const width = Math.max(...[...OPTIONS, ...entries].map(([term]) => term.length))
    return rows.map(([term, what]) => `  ${paint('cyan', term)}${' '.repeat(width - term.length)}  ${what}`)
  }
  return `${[
    `${paint('bold', 'Usage:')} autoup <command> [options]`,
    '',
    'Keeps a service up to date and up.',
    '',
    paint('bold', 'Options'),
    ...table(OPTIONS),
    ...groups.flatMap((group) => [
      '',
      paint('bold', group),
      ...table(entries.filter(([, entry]) => entry.group === group).map(([name, { summary }]) => [name, summary])),
    ]),
    '',
    paint('bold', 'Examples'),
    ...exampleLines(EXAMPLES, helpWidth(stdout)),
    '',
    'The options of a command: autoup <command> --help',
  ].join('\n')}\n`
}

/** Two lines for each where one does not fit; `wrap` is for what is longer than such a line. */
export function exampleLines(
  examples: readonly Row[],
  columns: number,
  wrap: (text: string, indent: number) => string = (text, indent) => `${' '.repeat(indent)}${text}`,
): string[] {
  const width = Math.max(...examples.map(([line]) => line.length))
  const isNarrow = examples.some(([, what]) => width + what.length + 4 > columns)
  return examples.map(([line, what]) => (isNarrow ? `  ${line}\n${wrap(what, 6)}` : `  ${line.padEnd(width)}  ${what}`))
}
