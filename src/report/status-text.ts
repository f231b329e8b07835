/**
 * `autoup status` for a person: what runs, since when, who vouched for it, the way back, what is next, and what is
 * held back and why. The same facts as the JSON, in the order in which somebody with a problem asks for them.
 */

import { shortId } from '../core/build.ts'
import { formatDuration, formatSize } from '../core/duration.ts'
import type { BuildStatus, MasterState, Status, WorkerStatus } from '../core/status.ts'
import { clean } from './clean.ts'
import type { Paint } from './color.ts'
import { columnsOf, wrap } from './layout.ts'
import { placesOf } from './places.ts'
import { stateSentence } from './state-sentence.ts'

const LABEL_WIDTH = 11
const DAY_MS = 86_400_000
/** On a narrower terminal lines are not broken any further. */
const LEAST_COLUMNS = 30

type Color = 'green' | 'yellow' | 'red' | 'dim' | 'cyan'

/** `nowMs` is the wall clock: only ages are shown with it. Null columns: no line is broken. */
export function statusLines(status: Status, nowMs: number, paint: Paint, columns: number | null): string[] {
  const lines: string[] = []
  const room = columns === null ? Number.POSITIVE_INFINITY : Math.max(LEAST_COLUMNS, columns)
  const add = (label: string, texts: readonly string[]): void => {
    for (const [index, text] of texts.entries()) {
      const start = `  ${paint('dim', (index === 0 ? label : '').padEnd(LABEL_WIDTH))}`
      lines.push(...wrap(`${start}${text}`, room, LABEL_WIDTH + 2))
    }
  }
  lines.push(...wrap(headline(status, nowMs, paint), room, 2), '')
  add('now', [clean(stateSentence(status))])
  if (status.paused) add('paused', [paint('yellow', 'nothing is promoted until `autoup resume`')])
  const { serving, next, wayBack } = placesOf(status)
  add('runs', [serving ? vouched(serving, nowMs, paint) : 'nothing is committed yet'])
  if (next) add('next', [vouched(next, nowMs, paint)])
  if (wayBack) add('way back', [vouched(wayBack, nowMs, paint)])
  else if (status.source !== null) add('way back', ['none: there is no build before this one'])
  add('workers', workers(status, nowMs, paint))
  if (status.source !== null) add('checks', [checks(status, nowMs, paint)])
  add('budget', budget(status))
  add('held back', held(status, nowMs, paint))
  add('source', [status.source === null ? 'none: the command runs as it is' : clean(status.source)])
  add(
    'listens',
    status.listen.map(({ name, address }) => `${clean(address)} ${paint('dim', `(${clean(name)})`)}`),
  )
  return lines
}

/** Ends with a line feed. */
export function statusText(status: Status, nowMs: number, paint: Paint, columns: number | null = null): string {
  return `${statusLines(status, nowMs, paint, columns).join('\n')}\n`
}

const STATE_COLORS: Readonly<Record<MasterState, Color>> = {
  idle: 'green',
  checking: 'green',
  fetching: 'cyan',
  verifying: 'cyan',
  staged: 'cyan',
  promoting: 'cyan',
  probation: 'cyan',
  'rolling-back': 'red',
  stopping: 'yellow',
}

function headline(status: Status, nowMs: number, paint: Paint): string {
  const { name, state, pid, since } = status
  const { serving } = placesOf(status)
  const version = serving && serving.build !== 'command' ? ` ${clean(serving.version)}` : ''
  const serves = status.workers.some((worker) => worker.state === 'ready')
  const color = serves || state !== 'idle' ? STATE_COLORS[state] : 'red'
  return `${paint('bold', `${clean(name)}${version}`)}  ${paint(color, `● ${state}`)}  ${paint('dim', `pid ${pid}, up ${ago(since, nowMs)}`)}`
}

function vouched(build: BuildStatus, nowMs: number, paint: Paint): string {
  if (build.build === 'command') return 'the command'
  const when = build.committedAt
    ? `committed ${ago(build.committedAt, nowMs)} ago`
    : build.stagedAt
      ? `staged ${ago(build.stagedAt, nowMs)} ago, not committed`
      : 'not committed'
  const who =
    build.proofs.length === 0
      ? paint('yellow', 'unverified')
      : `${paint('green', '✓')} verified by ${clean(build.proofs.join(', '))}`
  return `${title(build, paint)}  ${when}  ${who}`
}

function workers(status: Status, nowMs: number, paint: Paint): string[] {
  if (status.workers.length === 0) return [paint('red', 'none')]
  return columnsOf(
    status.workers.map((worker) => [
      `${paint(COLORS[worker.state], '●')} ${worker.pid ?? 'no pid'}`,
      `${paint(COLORS[worker.state], worker.state)} for ${ago(worker.since, nowMs)}`,
      worker.build === 'command' ? '' : clean(worker.version) || shortId(worker.build),
      `generation ${worker.generation}`,
      worker.connections === null ? '' : count(worker.connections, 'connection'),
      worker.memory === null ? '' : paint('dim', formatSize(worker.memory)),
      worker.restarts === 0 ? '' : paint('yellow', count(worker.restarts, 'restart')),
      worker.status === '' ? '' : paint('dim', `"${clean(worker.status)}"`),
    ]),
  )
}

const COLORS: Readonly<Record<WorkerStatus['state'], Color>> = {
  ready: 'green',
  starting: 'cyan',
  draining: 'dim',
  'back-off': 'red',
}

const RESULTS = {
  unchanged: 'nothing new',
  release: 'a release',
  incomplete: 'a release that is not whole',
  error: 'failed',
} as const

function checks({ lastCheck, nextCheckAt }: Status, nowMs: number, paint: Paint): string {
  const wait = nextCheckAt === null ? null : Date.parse(nextCheckAt) - nowMs
  const next = wait === null ? '' : wait <= 0 ? '; next now' : `; next in ${span(wait)}`
  if (!lastCheck) return `none yet${next}`
  const { result, at, message } = lastCheck
  const text = `${RESULTS[result]} ${ago(at, nowMs)} ago${message ? `: ${clean(message)}` : ''}`
  return `${result === 'error' ? paint('yellow', text) : text}${next}`
}

/** In UTC, as GitHub speaks of it. */
function budget({ budget: told }: Status): string[] {
  if (!told) return []
  const clock = (at: string) => `${at.slice(11, 16)} UTC`
  const { limit, remaining, resetAt, blockedUntil } = told
  return [
    ...(resetAt === null ? [] : [`${remaining} of ${limit} API calls left until ${clock(resetAt)}`]),
    ...(blockedUntil === null ? [] : [`the source wants to be left alone until ${clock(blockedUntil)}`]),
  ]
}

function held({ quarantine }: Status, nowMs: number, paint: Paint): string[] {
  return quarantine.map(
    (each) =>
      `${title(each, paint)}: ${paint('yellow', clean(each.reason))} ${paint('dim', `(${ago(each.at, nowMs)} ago)`)}`,
  )
}

function title(build: { readonly version: string; readonly build: string }, paint: Paint): string {
  const id = shortId(build.build)
  if (!build.version || id.startsWith(build.version)) return paint('bold', id)
  return `${paint('bold', clean(build.version))} ${paint('dim', `(${id})`)}`
}

function ago(at: string, nowMs: number): string {
  return span(nowMs - Date.parse(at))
}

function span(ms: number): string {
  if (!Number.isFinite(ms)) return 'unknown time'
  if (ms < 60_000) return `${Math.max(0, Math.floor(ms / 1_000))} s`
  return ms < 2 * DAY_MS ? formatDuration(ms) : `${Math.floor(ms / DAY_MS)} days`
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
