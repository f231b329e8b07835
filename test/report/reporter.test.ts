import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Stamped } from '../../src/core/events.ts'
import type { LogFormat } from '../../src/core/settings.ts'
import { ERASE } from '../../src/report/pretty.ts'
import { createReporter } from '../../src/report/reporter.ts'
import { memory } from '../cli/terminal.ts'
import { EVENTS, stamped } from './events.ts'

afterEach(() => vi.unstubAllEnvs())

function said(format: LogFormat, events: readonly Stamped[], isTTY = false): string {
  vi.stubEnv('FORCE_COLOR', undefined)
  vi.stubEnv('NO_COLOR', isTTY ? undefined : '1')
  vi.stubEnv('TERM', 'xterm')
  const stream = memory(isTTY)
  const report = createReporter(format, stream)
  for (const event of events) report(event)
  return stream.text()
}

/** So long after the first. */
const second = (after: number): string => new Date(Date.parse('2026-01-01T00:00:00.000Z') + after * 1_000).toISOString()

const progress = (bytes: number, at: string): Stamped => ({
  type: 'fetch-progress',
  version: '1.5.0',
  bytes,
  total: 10_000_000,
  sequence: 1,
  at,
})

describe('json', () => {
  test('is the event as it is, one per line', () => {
    const events = EVENTS.map(stamped)
    const lines = said('json', events).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toEqual(events)
  })
})

describe('pretty', () => {
  test('is one line per event: local time to the millisecond, subject, sentence', () => {
    for (const event of EVENTS.filter(({ type }) => type !== 'fetch-progress')) {
      expect(said('pretty', [stamped(event)])).toMatch(/^\d\d:\d\d:\d\d\.789 {2}\w+ +\S.*\n$/)
    }
  })

  test('keeps its columns', () => {
    const lines = said('pretty', EVENTS.map(stamped)).trimEnd().split('\n')
    expect(new Set(lines.map((line) => line.search(/(?<=^\S+ {2}\w+ +)\S/)))).toEqual(new Set([24]))
  })

  test('has colour on a terminal only', () => {
    const events = [stamped({ type: 'warning', message: 'careful' })]
    expect(said('pretty', events, true)).toContain('\u001b[33mwarning')
    expect(said('pretty', events)).not.toContain('\u001b')
  })

  test('on a terminal progress is one line that rewrites itself and is gone with the next event', () => {
    const text = said(
      'pretty',
      [
        progress(1e6, '2026-01-01T00:00:00.000Z'),
        progress(5e6, '2026-01-01T00:00:00.100Z'),
        stamped({ type: 'paused' }),
      ],
      true,
    )
    expect(text.match(/\n/g)).toHaveLength(1)
    expect(text).toContain('50 %')
    expect(text.split('\r\u001b[2K')).toHaveLength(3)
    expect(text.lastIndexOf('\r\u001b[2K')).toBeLessThan(text.indexOf('paused'))
  })

  test('says how fast a download comes, and how long it will take', () => {
    const text = said('pretty', [progress(1e6, second(0)), progress(3e6, second(2))], true)
    expect(text.split('\r').at(-2)).toMatch(/1\.5\.0: 3\.0 MB of 10\.0 MB, 30 %, 1\.0 MB\/s, 7 s left$/)
  })

  test('counts only the last seconds, and nothing of a download that went on from an earlier one', () => {
    const slower = [progress(5e6, second(0)), progress(9e6, second(1)), progress(9.1e6, second(6.5))]
    expect(said('pretty', slower, true).split('\r').at(-2)).not.toContain('/s')
    const anew = [progress(9e6, second(0)), progress(1e6, second(1)), progress(2e6, second(2))]
    expect(said('pretty', anew, true).split('\r').at(-2)).toContain('1.0 MB/s, 8 s left')
  })

  test('says on the same line that what is here is verified and unpacked', () => {
    const fetched = stamped({ type: 'release-fetched', version: '1.5.0' })
    const text = said('pretty', [progress(1e7, second(0)), fetched, stamped({ type: 'paused' })], true)
    const [, here, next] = text.split('\r\u001b[2K')
    expect(here).toMatch(/1\.5\.0 is here: it is verified and unpacked/)
    expect(next).toMatch(/paused.*\n$/)
  })

  test('breaks between words on a terminal, below the text', () => {
    vi.stubEnv('NO_COLOR', '1')
    const stream = { ...memory(true), columns: 60 }
    const report = createReporter('pretty', stream)
    for (const event of EVENTS.map(stamped)) report(event)
    const lines = stream
      .text()
      .replaceAll(ERASE, '')
      .split(/[\r\n]/)
    const broken = lines.filter((line) => line.startsWith(' '.repeat(24)) && !line.includes('| '))
    expect(broken.length).toBeGreaterThan(2)
    for (const line of lines.filter((each) => !each.includes('| '))) expect(line.length).toBeLessThanOrEqual(60)
  })

  test.each([20, 40, 60, 80, 100])('progress never wraps on a terminal of %d columns', (columns) => {
    vi.stubEnv('NO_COLOR', '1')
    const stream = { ...memory(true), columns }
    const report = createReporter('pretty', stream)
    report(progress(5e6, second(0)))
    report(progress(6e6, second(1)))
    const line =
      stream
        .text()
        .split('\r')
        .filter((each) => each !== '')
        .at(-1) ?? ''
    expect(line.replace('\u001b[2K', '').length).toBeLessThan(Math.max(columns, 25))
  })
})

test('progress is shown on a terminal that does not know its width, as a serial console', () => {
  vi.stubEnv('NO_COLOR', '1')
  const stream = { ...memory(true), columns: 0 }
  createReporter('pretty', stream)(progress(5e6, second(0)))
  expect(stream.text()).toContain('5.0 MB')
})

describe('journal', () => {
  test('has a priority and no time', () => {
    for (const event of EVENTS.filter(({ type }) => type !== 'fetch-progress')) {
      expect(said('journal', [stamped(event)])).toMatch(/^<[3-7]>\w+: \S.*\n$/)
    }
  })

  test('errors, warnings, good news and daily business have their own', () => {
    const of = (event: Parameters<typeof stamped>[0]) => said('journal', [stamped(event)]).slice(0, 3)
    const build = { build: `sha256-${'a'.repeat(64)}`, version: '2' }
    expect(of({ type: 'build-refused', reason: 'empty', ...build })).toBe('<3>')
    expect(of({ type: 'warning', message: 'x' })).toBe('<4>')
    expect(of({ type: 'build-committed', purpose: 'upgrade', ...build })).toBe('<5>')
    expect(of({ type: 'master-stopped' })).toBe('<6>')
    expect(of({ type: 'check-finished', result: 'unchanged', message: '' })).toBe('<7>')
  })

  test('a long download is told of now and then, not each step', () => {
    const events = Array.from({ length: 250 }, (_, index) =>
      progress(index * 1_000, new Date(Date.parse('2026-01-01T00:00:00Z') + index * 100).toISOString()),
    )
    expect(said('journal', events).trimEnd().split('\n')).toHaveLength(2)
    expect(said('pretty', events).trimEnd().split('\n')).toHaveLength(2)
    expect(said('json', events).trimEnd().split('\n')).toHaveLength(250)
  })
})

describe('what others wrote', () => {
  test.each(['pretty', 'journal'] as const)('cannot forge lines or move the cursor (%s)', (format) => {
    const status = 'fine\n<0>panic: forged\r\u001b[2J\u009b1m\u0007\u202e end'
    const worker = { worker: 1, pid: 1, build: 'command', version: '', generation: 1 }
    const text = said(format, [stamped({ type: 'worker-exited', how: status, expected: false, afterMs: 1, ...worker })])
    expect(text.match(/\n/g)).toHaveLength(1)
    expect(text.endsWith('\n')).toBe(true)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is the point
    expect(text.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/)
    expect(text).toContain('\\x1b')
  })
})

test('what a command wrote before it failed stands under its sentence, without what moves a cursor', () => {
  const failed = stamped({
    type: 'hook-failed',
    hook: 'before-promote',
    reason: 'it ended with 1: no channel',
    output: ['connecting\u001b[2J', 'no channel'],
    build: 'sha256-3f',
    version: '1.5.0',
  })
  const [first, ...under] = said('pretty', [failed]).trimEnd().split('\n')
  expect(first).toMatch(/failed: it ended with 1: no channel$/)
  expect(under.map((line) => line.slice(24))).toEqual(['| connecting\\x1b[2J', '| no channel'])
  expect(said('journal', [failed])).toMatch(
    /^<4>hook: .*: no channel\n<4>hook: connecting\\x1b\[2J\n<4>hook: no channel\n$/,
  )
})
