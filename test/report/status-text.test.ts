import { describe, expect, test } from 'vitest'
import type { Status } from '../../src/core/status.ts'
import { painter } from '../../src/report/color.ts'
import { releasesText } from '../../src/report/releases-text.ts'
import { statusText } from '../../src/report/status-text.ts'
import { DIGEST, ROW, STATUS } from '../cli/fake-master.ts'

const NOW_MS = Date.parse('2026-01-01T00:01:12Z')

function text(own: Partial<Status> = {}, nowMs: number = NOW_MS, columns: number | null = null): string {
  return statusText({ ...STATUS, ...own }, nowMs, painter(false), columns)
}

function line(label: string, own: Partial<Status> = {}): string | undefined {
  return text(own)
    .split('\n')
    .find((each) => each.startsWith(`  ${label}`))
}

describe('status for people', () => {
  test('says what runs, since when, and who vouched for it', () => {
    expect(text().split('\n')[0]).toBe('app 1.4.2  ● idle  pid 4711, up 1 min')
    expect(line('runs')).toMatch(/1\.4\.2 \(3f3f3f3f3f3f\) {2}committed 1 min ago {2}✓ verified by github-digest/)
    expect(line('listens')).toContain('0.0.0.0:8080 (http)')
    expect(line('source')).toContain('github:org/app')
  })

  test('counts days when it has been up for long', () => {
    expect(text({}, NOW_MS + 10 * 86_400_000)).toContain('up 10 days')
  })

  test('shows every worker with its connections, its restarts and what it says', () => {
    const [first] = STATUS.workers
    const workers = [
      { ...first!, status: 'warm' },
      { ...first!, pid: null, state: 'back-off' as const, restarts: 3, connections: null },
    ]
    const [one, two] = text({ workers })
      .split('\n')
      .filter((each) => each.includes('generation'))
    expect(one).toMatch(/workers +● 4720 +ready for 1 min +1\.4\.2 +generation 1 +12 connections +48\.0 MB +"warm"$/)
    expect(two).toMatch(/^ +● no pid +back-off for 1 min .*3 restarts$/)
    expect(one?.indexOf('generation')).toBe(two?.indexOf('generation'))
    expect(line('workers', { workers: [] })).toMatch(/none/)
  })

  test('says how to go back, or that there is no way', () => {
    expect(line('way back')).toMatch(/none/)
    expect(line('way back', { previous: { ...STATUS.current!, version: '1.4.1' } })).toContain('1.4.1')
  })

  test('on probation the new build runs, and the way back is the one that is committed', () => {
    const candidate = { ...STATUS.current!, build: `sha256-${'4f'.repeat(32)}`, version: '1.5.0', committedAt: null }
    const own = { state: 'probation', candidate, previous: { ...STATUS.current!, version: '1.4.1' } } as const
    expect(text(own).split('\n')[0]).toMatch(/^app 1\.5\.0 {2}● probation/)
    expect(line('runs', own)).toMatch(/1\.5\.0 .*not committed/)
    expect(line('way back', own)).toMatch(/1\.4\.2 .*committed 1 min ago/)
    expect(text(own)).not.toMatch(/ next {2}|1\.4\.1/)
    expect(line('way back', { ...own, current: null })).toMatch(/none/)
  })

  test('says what is next and when the source is asked again', () => {
    expect(line('checks')).toMatch(/nothing new 12 s ago; next in 48 s/)
    const lastCheck = { at: '2026-01-01T00:01:00Z', result: 'error' as const, message: 'no route' }
    expect(line('checks', { lastCheck, nextCheckAt: null })).toMatch(/failed 12 s ago: no route$/)
    expect(line('checks', { lastCheck: null, nextCheckAt: '2026-01-01T00:00:00Z' })).toMatch(/none yet; next now/)
    const candidate = { ...STATUS.current!, version: '1.5.0', committedAt: null }
    expect(line('next', { candidate })).toMatch(/1\.5\.0 .*staged 1 min ago, not committed {2}✓/)
  })

  test('says what is held back and why, and that it is paused', () => {
    const held = { build: DIGEST, version: '1.5.0', reason: 'died in\nprobation\u001b[2J', at: '2026-01-01T00:00:12Z' }
    const shown = line('held back', { quarantine: [held] })
    expect(shown).toMatch(/1\.5\.0 \(3f3f3f3f3f3f\): died in probation\\x1b\[2J \(1 min ago\)/)
    expect(line('paused', { paused: true })).toContain('autoup resume')
    expect(line('paused')).toBeUndefined()
  })

  test('of a bare command has no talk of builds', () => {
    const current = { build: 'command', version: '', stagedAt: '', committedAt: null, proofs: [] }
    const workers = [{ ...STATUS.workers[0]!, build: 'command', version: '' }]
    const shown = text({ source: null, current, workers, lastCheck: null, nextCheckAt: null })
    expect(shown.split('\n')[0]).toMatch(/^app {2}● idle/)
    expect(shown).toContain('the command serves')
    expect(shown).not.toMatch(/way back|checks|undefined|NaN|null|unverified/)
  })

  test('says in half a sentence what the master is at', () => {
    const candidate = { ...STATUS.current!, build: `sha256-${'4f'.repeat(32)}`, version: '1.5.0', committedAt: null }
    expect(line('now')).toMatch(/1\.4\.2 serves$/)
    expect(line('now', { instances: 2 })).toMatch(/1 of 2 workers serve$/)
    expect(line('now', { workers: [] })).toMatch(/nothing serves yet$/)
    expect(line('now', { state: 'promoting', candidate })).toMatch(/1\.5\.0 starts beside 1\.4\.2$/)
    expect(line('now', { state: 'promoting' })).toMatch(/new workers start beside the old ones$/)
    expect(line('now', { state: 'probation', candidate })).toMatch(/1\.5\.0 serves, and is watched$/)
    expect(line('now', { state: 'rolling-back', candidate })).toMatch(/goes back to 1\.4\.2$/)
    expect(line('now', { state: 'staged', candidate, paused: true })).toMatch(/waits for `autoup resume`$/)
  })

  test.each([40, 60, 80])('on %i columns breaks between words, below the text and not below the label', (columns) => {
    const reason = 'it was not ready in 30 s: nothing listens on the socket that it was given, see --ready'
    const held = { build: DIGEST, version: '1.5.0', reason, at: '2026-01-01T00:00:12Z' }
    const lines = text({ quarantine: [held] }, NOW_MS, columns)
      .trimEnd()
      .split('\n')
    for (const each of lines) expect(each.length).toBeLessThanOrEqual(columns)
    expect(lines.filter((each) => /^ {13}\S/.test(each)).length).toBeGreaterThan(1)
    expect(lines.join(' ').replace(/ +/g, ' ')).toContain(reason)
  })

  test('colours cost no column, and there is none without a painter', () => {
    const bright = statusText(STATUS, NOW_MS, painter(true), 60)
    expect(bright).toContain('\u001b[')
    expect(bright.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g'), '')).toBe(text({}, NOW_MS, 60))
    expect(text()).not.toContain('\u001b')
  })

  test('before the first build says so', () => {
    expect(line('runs', { current: null, workers: [] })).toMatch(/nothing is committed yet/)
  })
})

describe('releases for people', () => {
  test('is a table with what each build is there for, and why one is held back', () => {
    const held = {
      ...ROW,
      version: '1.5.0',
      state: 'quarantined' as const,
      reason: 'not ready',
      committedAt: null,
      size: null,
    }
    const lines = releasesText([held, ROW], painter(false)).split('\n')
    expect(lines[1]).toMatch(/^1\.5\.0 +3f3f3f3f3f3f +quarantined +- +2026-01-01 00:00 +- +not ready$/)
    expect(lines[2]).toMatch(/^1\.4\.2 +3f3f3f3f3f3f +current +12\.3 MB +2026-01-01 00:00 +2026-01-01 00:00$/)
    const columns = lines.slice(0, 3).map((each) => each.search(/STATE|quarantined|current/))
    expect(new Set(columns).size).toBe(1)
  })

  test('fits a terminal, and says a digest that is the version once', () => {
    const version = DIGEST.slice('sha256-'.length, 'sha256-'.length + 12)
    const held = { ...ROW, version, state: 'quarantined' as const, reason: `exited with 1 ${'and so on '.repeat(9)}` }
    const lines = releasesText([held, { ...ROW, version }], painter(false), 80)
      .trimEnd()
      .split('\n')
    expect(lines.filter((each) => each.length > 80)).toEqual([])
    expect(lines[0]).toMatch(/^VERSION +STATE/)
    expect(lines.filter((each) => each.startsWith(version))).toHaveLength(2)
    expect(lines[2]).toMatch(/^ {4}exited with 1/)
  })

  test('of an empty store is a sentence', () => {
    expect(releasesText([], painter(false))).toBe('no builds yet\n')
  })
})
