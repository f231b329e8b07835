/** What the doctor has found, for people. */

import type { Diagnosis, EffectiveValue, Level } from '../core/finding.ts'
import { clean } from './clean.ts'
import type { Paint } from './color.ts'
import { wrap } from './layout.ts'

const COLORS = { ok: 'green', warn: 'yellow', fail: 'red' } as const

/** Null columns: no line is broken. */
export function doctorText({ name, values, findings }: Diagnosis, paint: Paint, columns: number | null = null): string {
  const room = columns ?? Number.POSITIVE_INFINITY
  const lines = [paint('bold', name)]
  const [optionWidth, valueWidth] = [
    widest(values.map(({ option }) => option)),
    widest(values.map(({ value }) => value)),
  ]
  for (const value of values)
    lines.push(...wrap(valueLine(value, optionWidth, Math.min(valueWidth, 44), paint), room, optionWidth + 4))
  lines.push('', paint('bold', 'checks'))
  const checkWidth = widest(findings.map(({ check }) => check))
  for (const { check, level, message } of findings) {
    const line = `  ${paint(COLORS[level], level.padEnd(4))}  ${check.padEnd(checkWidth)}  ${clean(message)}`
    lines.push(...wrap(line, room, checkWidth + 10))
  }
  const failed = findings.filter(({ level }) => level === 'fail').length
  const warned = findings.filter(({ level }) => level === 'warn').length
  lines.push('', failed === 0 && warned === 0 ? 'All is well.' : `${count(failed, 'fail')}, ${count(warned, 'warn')}.`)
  return `${lines.join('\n')}\n`
}

function valueLine(
  { option, value, origin, from }: EffectiveValue,
  left: number,
  middle: number,
  paint: Paint,
): string {
  const line = `  ${option.padEnd(left)}  ${clean(value).padEnd(middle)}  ${from}`
  return origin === 'default' ? paint('dim', line) : line
}

function widest(words: readonly string[]): number {
  return Math.max(0, ...words.map((word) => word.length))
}

function count(number: number, what: Exclude<Level, 'ok'>): string {
  return `${number} ${what === 'fail' ? 'failed' : number === 1 ? 'warning' : 'warnings'}`
}
