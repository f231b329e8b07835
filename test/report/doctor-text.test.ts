import { expect, test } from 'vitest'
import type { Diagnosis } from '../../src/core/finding.ts'
import { painter } from '../../src/report/color.ts'
import { doctorText } from '../../src/report/doctor-text.ts'

const DIAGNOSIS: Diagnosis = {
  name: 'app',
  values: [
    { option: 'fetch', value: 'github:org/app', origin: 'flag', from: '--fetch' },
    { option: 'token-file', value: `a file, ${'then another '.repeat(6)}`.trim(), origin: 'default', from: 'default' },
  ],
  findings: [
    { check: 'node', level: 'ok', message: 'v20.20.2' },
    { check: 'take-back', level: 'warn', message: `a killed master ${'has left what it had '.repeat(6)}`.trim() },
  ],
}

test('on a terminal lines are broken between words, below what is said and not below its name', () => {
  const lines = doctorText(DIAGNOSIS, painter(false), 60).trimEnd().split('\n')
  expect(lines.filter((line) => line.length > 60)).toEqual([])
  expect(lines.filter((line) => /^ {14}\S/.test(line)).length, 'of the value').toBeGreaterThan(0)
  expect(lines.filter((line) => /^ {19}\S/.test(line)).length, 'of the finding').toBeGreaterThan(1)
  expect(lines.at(-1)).toBe('0 failed, 1 warning.')
})

test('elsewhere each option and each check is one line', () => {
  const lines = doctorText(DIAGNOSIS, painter(false)).trimEnd().split('\n')
  expect(lines).toHaveLength(9)
})
