/**
 * A master as Prometheus reads it: the text exposition format 0.0.4. Names and units are the contract of
 * docs/sight.md; counters begin with the master. Labels hold few values each: no pid and no digest is one, but for
 * the info of the build that serves.
 */

import type { Measures } from '../core/sight.ts'
import type { MasterState, WorkerStatus } from '../core/status.ts'

type Labels = Readonly<Record<string, string>>
type Sample = readonly [value: number, labels?: Labels, suffix?: string]

interface Family {
  readonly name: string
  readonly type: 'gauge' | 'counter' | 'summary'
  readonly help: string
  readonly samples: readonly Sample[]
}

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

const MASTER_STATES: readonly MasterState[] = [
  'idle',
  'checking',
  'fetching',
  'verifying',
  'staged',
  'promoting',
  'probation',
  'rolling-back',
  'stopping',
]
const WORKER_STATES: readonly WorkerStatus['state'][] = ['starting', 'ready', 'draining', 'back-off']

/** `version` is of autoup itself, `node` what runs it. */
export function metricsText(measures: Measures, about: { readonly version: string; readonly node: string }): string {
  const families = [
    ...ofService(measures, about),
    ...ofWorkers(measures),
    ...ofReleases(measures),
    ...ofMaster(measures),
  ]
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(familyText)
    .join('')
}

function ofService({ status }: Measures, about: { readonly version: string; readonly node: string }): Family[] {
  const { name, state, current, paused } = status
  const serves = status.workers.some((worker) => worker.state === 'ready')
  return [
    gauge('autoup_build_info', 'What runs the service: the version of autoup and of Node.', [
      [1, { name, version: about.version, node: about.node }],
    ]),
    gauge('autoup_up', 'Whether a ready worker serves (1) or none does (0).', [[Number(serves)]]),
    gauge(
      'autoup_state',
      'What the master is at: 1 for the state it is in.',
      MASTER_STATES.map((each) => [Number(each === state), { state: each }]),
    ),
    gauge('autoup_paused', 'Whether promotions are paused by the operator.', [[Number(paused)]]),
    gauge(
      'autoup_current_build_info',
      'The build in service.',
      current ? [[1, { version: current.version, build: current.build }]] : [],
    ),
  ]
}

function ofWorkers({ status, tally }: Measures): Family[] {
  const { workers, instances, generation } = status
  const each = (measure: (found: readonly WorkerStatus[]) => number): Sample[] =>
    WORKER_STATES.map((state) => [measure(workers.filter((worker) => worker.state === state)), { state }])
  return [
    gauge(
      'autoup_workers',
      'Workers by state.',
      each((found) => found.length),
    ),
    gauge('autoup_workers_wanted', 'Workers per generation, as asked for.', [[instances]]),
    gauge('autoup_generation', 'The newest generation that serves; 0 before the first.', [[generation]]),
    gauge(
      'autoup_connections',
      'Open connections that came through the listeners, by the state of their worker, counted in the kernel.',
      each((found) => sum(found.map(({ connections }) => connections ?? 0))),
    ),
    gauge(
      'autoup_worker_resident_memory_bytes',
      'Resident memory of the workers and their descendants, by the state of the worker.',
      each((found) => sum(found.map(({ memory }) => memory ?? 0))),
    ),
    counter('autoup_worker_starts_total', 'Workers that were started.', [[tally.workerStarts]]),
    counter('autoup_worker_exits_total', 'Workers that ended: as they were told to, or of themselves.', [
      [tally.workerExits.expected, { expected: 'true' }],
      [tally.workerExits.unexpected, { expected: 'false' }],
    ]),
    counter('autoup_worker_restarts_total', 'Workers that failed and are started again in their place.', [
      [tally.workerRestarts],
    ]),
    counter('autoup_worker_kills_total', 'Workers that had to be killed.', [[tally.workerKills]]),
    {
      name: 'autoup_worker_ready_seconds',
      type: 'summary',
      help: 'From the start of a worker to the moment it was ready.',
      samples: [
        [tally.ready.ms / 1_000, {}, '_sum'],
        [tally.ready.count, {}, '_count'],
      ],
    },
  ]
}

function ofReleases({ status, tally }: Measures): Family[] {
  const { current, lastCheck, nextCheckAt, quarantine } = status
  return [
    counter(
      'autoup_checks_total',
      'Checks of the release source by result.',
      Object.entries(tally.checks).map(([result, value]) => [value, { result }]),
    ),
    moment('autoup_last_check_timestamp_seconds', 'When the release source was last asked.', lastCheck?.at),
    moment('autoup_next_check_timestamp_seconds', 'When the release source is asked next.', nextCheckAt),
    gauge(
      'autoup_source_calls_remaining',
      'Calls that the release source still allows in this period.',
      status.budget?.remaining == null ? [] : [[status.budget.remaining]],
    ),
    counter('autoup_builds_staged_total', 'Builds that were verified and staged.', [[tally.staged]]),
    counter('autoup_builds_refused_total', 'Releases that were refused: not verified, or not fit.', [[tally.refused]]),
    counter('autoup_builds_quarantined_total', 'Builds that were held back.', [[tally.quarantined]]),
    gauge('autoup_quarantined_builds', 'Builds that are held back now.', [[quarantine.length]]),
    counter(
      'autoup_promotions_total',
      'Promotions by purpose and verdict.',
      Object.entries(tally.promotions).flatMap(([purpose, verdicts]) =>
        Object.entries(verdicts).map(([verdict, value]): Sample => [value, { purpose, verdict }]),
      ),
    ),
    counter('autoup_rollbacks_total', 'Returns to the build before, after a new one that served had failed.', [
      [tally.rollbacks],
    ]),
    moment('autoup_last_commit_timestamp_seconds', 'When the build in service was committed.', current?.committedAt),
    counter('autoup_warnings_total', 'Warnings in the log.', [[tally.warnings]]),
  ]
}

/** The names that every client library of Prometheus uses. */
function ofMaster({ master }: Measures): Family[] {
  return [
    counter('process_cpu_seconds_total', 'User and system CPU time of the master.', [[master.cpuSeconds]]),
    gauge('process_resident_memory_bytes', 'Resident memory of the master.', [[master.residentMemory]]),
    gauge('process_open_fds', 'Open descriptors of the master.', [[master.openDescriptors]]),
    gauge(
      'process_max_fds',
      'The most descriptors that the master may have.',
      master.maxDescriptors === null ? [] : [[master.maxDescriptors]],
    ),
    moment('process_start_time_seconds', 'When the master started.', master.startedAt),
  ]
}

function gauge(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: 'gauge', help, samples }
}

function counter(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: 'counter', help, samples }
}

/** Absent where there is no such moment. */
function moment(name: string, help: string, at: string | null | undefined): Family {
  const ms = at ? Date.parse(at) : Number.NaN
  return gauge(name, help, Number.isFinite(ms) ? [[ms / 1_000]] : [])
}

function familyText({ name, type, help, samples }: Family): string {
  const lines = samples.map(([value, labels, suffix = '']) => `${name}${suffix}${labelText(labels)} ${value}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function labelText(labels: Labels = {}): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
