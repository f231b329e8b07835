import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Measures } from '../../src/core/sight.ts'
import type { Status } from '../../src/core/status.ts'
import { EMPTY_TALLY } from '../../src/core/tally.ts'
import { metricsText } from '../../src/report/metrics.ts'
import { STATUS } from '../cli/fake-master.ts'
import { needs } from '../support/requirements.ts'
import { temporaryFolder } from '../support/stores.ts'

const MASTER: Measures['master'] = {
  startedAt: '2026-01-01T00:00:00.000Z',
  cpuSeconds: 1.25,
  residentMemory: 60_000_000,
  openDescriptors: 30,
  maxDescriptors: 1024,
}

function text(own: Partial<Status> = {}, tally: Measures['tally'] = EMPTY_TALLY): string {
  return metricsText({ status: { ...STATUS, ...own }, tally, master: MASTER }, { version: '0.1.0', node: 'v20.20.0' })
}

/** The value of one sample. */
function value(of: string, own: Partial<Status> = {}, tally?: Measures['tally']): number | undefined {
  const line = text(own, tally)
    .split('\n')
    .find((each) => each.startsWith(`${of} `))
  return line === undefined ? undefined : Number(line.slice(of.length + 1))
}

const [WORKER] = STATUS.workers

describe('metrics', () => {
  test('say what runs', () => {
    expect(value('autoup_build_info{name="app",version="0.1.0",node="v20.20.0"}')).toBe(1)
    expect(value(`autoup_current_build_info{version="1.4.2",build="${STATUS.current?.build}"}`)).toBe(1)
    expect(value('autoup_state{state="idle"}')).toBe(1)
    expect(value('autoup_state{state="promoting"}')).toBe(0)
    expect(value('autoup_state{state="promoting"}', { state: 'promoting' })).toBe(1)
  })

  test('up is whether a ready worker serves', () => {
    expect(value('autoup_up')).toBe(1)
    expect(value('autoup_up', { workers: [{ ...WORKER!, state: 'starting' }] })).toBe(0)
    expect(value('autoup_up', { workers: [] })).toBe(0)
  })

  test('workers, their connections and memory are added up by state', () => {
    const workers = [
      WORKER!,
      { ...WORKER!, connections: 3 },
      { ...WORKER!, state: 'draining' as const, connections: 2 },
      { ...WORKER!, state: 'back-off' as const, pid: null, connections: null, memory: null },
    ]
    expect(value('autoup_workers{state="ready"}', { workers })).toBe(2)
    expect(value('autoup_workers{state="starting"}', { workers })).toBe(0)
    expect(value('autoup_connections{state="ready"}', { workers })).toBe(15)
    expect(value('autoup_connections{state="draining"}', { workers })).toBe(2)
    expect(value('autoup_connections{state="back-off"}', { workers })).toBe(0)
    expect(value('autoup_worker_resident_memory_bytes{state="ready"}', { workers })).toBe(96_000_000)
  })

  test('moments are in seconds, and absent where there is none', () => {
    expect(value('autoup_last_check_timestamp_seconds')).toBe(1_767_225_660)
    expect(value('autoup_last_commit_timestamp_seconds')).toBe(1_767_225_610)
    expect(value('process_start_time_seconds')).toBe(1_767_225_600)
    const fresh = { lastCheck: null, nextCheckAt: null, current: null }
    expect(text(fresh)).not.toMatch(/last_check|next_check|last_commit|current_build|NaN|null|undefined/)
  })

  test('the budget of the source is there where the source counts', () => {
    const budget = { limit: 60, remaining: 41, resetAt: STATUS.since, blockedUntil: null }
    expect(value('autoup_source_calls_remaining', { budget })).toBe(41)
    expect(text({ budget: null })).not.toContain('source_calls')
  })

  test('counts are those of the tally', () => {
    const tally = {
      ...EMPTY_TALLY,
      checks: { ...EMPTY_TALLY.checks, error: 4 },
      promotions: { ...EMPTY_TALLY.promotions, upgrade: { committed: 3, failed: 1 } },
      rollbacks: 1,
      ready: { count: 4, ms: 500 },
    }
    expect(value('autoup_checks_total{result="error"}', {}, tally)).toBe(4)
    expect(value('autoup_promotions_total{purpose="upgrade",verdict="committed"}', {}, tally)).toBe(3)
    expect(value('autoup_promotions_total{purpose="upgrade",verdict="failed"}', {}, tally)).toBe(1)
    expect(value('autoup_rollbacks_total', {}, tally)).toBe(1)
    expect(value('autoup_worker_ready_seconds_sum', {}, tally)).toBe(0.5)
    expect(value('autoup_worker_ready_seconds_count', {}, tally)).toBe(4)
  })

  test('a version with quotes and line feeds stays one label', () => {
    const current = { ...STATUS.current!, version: 'a"b\\c\nd' }
    expect(text({ current })).toContain('{version="a\\"b\\\\c\\nd",build=')
  })
})

needs('promtool').test('promtool finds no fault with them', () => {
  const odd = { current: { ...STATUS.current!, version: 'a"b\\c\nd' } }
  for (const metrics of [text(), text({ workers: [], current: null, lastCheck: null }), text(odd)]) {
    const said = execFileSync('promtool', ['check', 'metrics'], { input: metrics, encoding: 'utf8', stdio: 'pipe' })
    expect(said).toBe('')
  }
})

/** What is left of the labels of each alert, in their order. */
const LABELS = [{}, {}, { result: 'error' }, { state: 'draining' }]

/** A service that does not serve, rolls back, cannot check, and whose clients have not found the new workers. */
const TROUBLE = {
  autoup_up: '0x60',
  autoup_rollbacks_total: '0x30 1x29',
  'autoup_checks_total{result="error"}': '0+1x60',
  'autoup_connections{state="draining"}': '3x60',
  'autoup_connections{state="ready"}': '0x60',
}

/** And one with which all is well. */
const CALM = {
  autoup_up: '1x60',
  autoup_rollbacks_total: '4x60',
  'autoup_checks_total{result="error"}': '2x60',
  'autoup_connections{state="draining"}': '3x60',
  'autoup_connections{state="ready"}': '5x60',
}

needs('promtool').test(
  'each alert of the documentation is raised where there is trouble, and nowhere else',
  async () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/sight.md'), 'utf8')
    const [, block = ''] = /Worth an alert:\n\n```promql\n([^`]+)```/.exec(page) ?? []
    const rules = block
      .trim()
      .split('\n')
      .map((expr, index) => ({ alert: `alert${index}`, expr: expr.trim() }))
    expect(rules).toHaveLength(4)
    const folder = await temporaryFolder()
    writeFileSync(join(folder, 'rules.yml'), JSON.stringify({ groups: [{ name: 'autoup', rules }] }))
    const series = (values: typeof TROUBLE, instance: string) =>
      Object.entries(values).map(([name, told]) => ({
        series: name.includes('{') ? name.replace('}', `,instance="${instance}"}`) : `${name}{instance="${instance}"}`,
        values: told,
      }))
    const expected = rules.map(({ alert }, index) => ({
      eval_time: '1h',
      alertname: alert,
      exp_alerts: [{ exp_labels: { instance: 'bad', ...LABELS[index] } }],
    }))
    const tests = [
      { interval: '1m', input_series: [...series(TROUBLE, 'bad'), ...series(CALM, 'good')], alert_rule_test: expected },
    ]
    writeFileSync(join(folder, 'test.yml'), JSON.stringify({ rule_files: ['rules.yml'], tests }))
    const ran = spawnSync('promtool', ['test', 'rules', 'test.yml'], { cwd: folder, encoding: 'utf8' })
    expect(ran.status, `${ran.stdout}${ran.stderr}`).toBe(0)
  },
)

test('the documentation names each of them, and no other', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/sight.md'), 'utf8')
  const named = new Set([...page.matchAll(/`(autoup_\w+)`/g)].map(([, name]) => name))
  const budget = { limit: 60, remaining: 41, resetAt: STATUS.since, blockedUntil: null }
  const said = new Set([...text({ budget }).matchAll(/^# TYPE (autoup_\w+) /gm)].map(([, name]) => name))
  expect([...named].sort()).toEqual([...said].sort())
})
