import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findLastLines, lastWords, lineSplitter, readLines, shownLine } from '../../src/cli/log-lines.ts'
import { painter } from '../../src/report/color.ts'
import { temporaryDirectory } from '../support/master.ts'

const EVENT = '{"at":"2026-01-01T00:00:00Z","sequence":1,"type":"paused"}'

function file(text: string): string {
  const path = join(temporaryDirectory(), 'service.log')
  writeFileSync(path, text)
  return path
}

function lastLines(path: string, count: number): { lines: string[]; end: number } {
  const lines: string[] = []
  const last = findLastLines(path, count)
  readLines(path, last, (line) => lines.push(line))
  expect(last.count).toBe(lines.length)
  return { lines, end: last.end }
}

test('the last lines are whole, and end where a follower goes on', () => {
  const path = file('one\ntwo\n\nthree\nbegun')
  expect(lastLines(path, 2)).toEqual({ lines: ['', 'three'], end: 'one\ntwo\n\nthree\n'.length })
  expect(lastLines(path, 9).lines).toEqual(['one', 'two', '', 'three'])
  expect(lastLines(path, 0)).toMatchObject({ lines: [], end: 15 })
})

test('of a file that is empty, or not there, there are none', () => {
  expect(lastLines(file(''), 5)).toEqual({ lines: [], end: 0 })
  expect(lastLines(join(temporaryDirectory(), 'none'), 5)).toEqual({ lines: [], end: 0 })
})

test('a log of somebody else is told of in one sentence', () => {
  const path = file('secret\n')
  chmodSync(path, 0o000)
  const root = process.geteuid?.() === 0
  if (root) process.seteuid?.(65_534)
  try {
    expect(() => lastLines(path, 1)).toThrow(/not permitted to read the log at .*: do this as the user/)
  } finally {
    if (root) process.seteuid?.(0)
  }
})

test('they are found over more than one piece of the file, and through letters of several bytes', () => {
  const all = Array.from({ length: 9_000 }, (_, index) => `line ${index} ${'äöü€'.repeat(index % 7)}`)
  const path = file(`${all.join('\n')}\n`)
  for (const count of [1, 700, 8_999, 9_000, 9_001]) expect(lastLines(path, count).lines).toEqual(all.slice(-count))
})

test('the last words are what the app has printed since, without events and without the verdict', () => {
  const before = 'of the start before\n'
  const path = file(`${before}${EVENT}\nno config found\nautoup: it has failed\n${EVENT}\n`)
  const verdict = 'it has failed'
  expect(lastWords(path, before.length, verdict)).toEqual(['no config found'])
  expect(lastWords(path, 10_000, verdict), 'the log was cut meanwhile').toEqual([
    'of the start before',
    'no config found',
  ])
})

test('what autoup says in a worker stands before them, also where a long stack came after it', () => {
  const stack = Array.from({ length: 20 }, (_, index) => `    at line ${index}`)
  const path = file(
    ['> node server.js', 'autoup: give it the command itself', 'autoup: give it the command itself', ...stack, ''].join(
      '\n',
    ),
  )
  expect(lastWords(path, 0, 'exited with 1')).toEqual(['autoup: give it the command itself', ...stack.slice(-15)])
})

test('an event is shown as a sentence, and whatever else a worker prints as it is', () => {
  const paint = painter(false)
  expect(shownLine(EVENT, paint)).toMatch(/master +paused: nothing is promoted/)
  const forged = '{"at":"2026-01-01T00:00:00Z","sequence":1,"type":"worker-started"}'
  for (const line of ['', '{"at":"', '{"at":"x"}', '{"level":"info"}', EVENT.replace('1,', '"1",'), forged]) {
    expect(shownLine(line, paint)).toBe(line)
  }
})

test('a line without an end is shown in pieces, and nothing of it is lost', () => {
  const lines: string[] = []
  const take = lineSplitter((line) => lines.push(line))
  for (let piece = 0; piece < 20; piece++) take(Buffer.alloc(64 * 1024, 'x'))
  take(Buffer.from('end\nnext\n'))
  expect(lines.map(({ length }) => length)).toEqual([1024 * 1024, 4 * 64 * 1024 + 3, 4])
})
