/**
 * `autoup status` for a person: what runs, since when, who vouched for it, the way back, what is next, and what is
 * held back and why. The same facts as the JSON, in the order in which somebody with a problem asks for them.
 */

import { shortId } from '../core/build.ts'
import { formatDuration } from '../core/duration.ts'
import type { BuildStatus, Status, WorkerStatus } from '../core/status.ts'
import { clean } from './clean.ts'
import type { Paint } from './color.ts'

const LABEL_WIDTH = 10
const DAY_MS = 86_400_000

/** `nowMs` is the wall clock: only ages are shown with it. Ends with a line feed. */
export function statusText(status: Status, nowMs: number, paint: Paint): string {
  const lines: string[] = [headline(status, nowMs, paint)]
  const add = (label: string, texts: readonly string[]): void => {
    for (const [index, text] of texts.entries()) {
      lines.push(`  ${paint('dim', (index === 0 ? label : '').padEnd(LABEL_WIDTH))}${text}`)
    }
  }
  if (status.paused) add('paused', [paint('yellow', 'nothing is promoted until `autoup resume`')])
  add('source', [status.source === null ? 'none: the command runs as it is' : clean(status.source)])
  add(
    'listens',
    status.listen.map(({ name, address }) => `${address} (${name})`),
  )
  add('runs', [status.current ? vouched(status.current, nowMs) : 'nothing yet'])
  if (status.candidate) add('next', [vouched(status.candidate, nowMs)])
  if (status.previous) add('way back', [vouched(status.previous, nowMs)])
  else if (status.source !== null) add('way back', ['none: there is no build before this one'])
  add('workers', workers(status, nowMs, paint))
  if (status.source !== null) add('checks', [checks(status, nowMs, paint)])
  add('budget', budget(status))
  add(
    'held back',
    status.quarantine.map((held) =>
      paint('yellow', `${title(held)}: ${clean(held.reason)} (${ago(held.at, nowMs)} ago)`),
    ),
  )
  return `${lines.join('\n')}\n`
}

function headline(status: Status, nowMs: number, paint: Paint): string {
  const { name, current, state, pid, since } = status
  const title = current && current.build !== 'command' ? `${name} ${clean(current.version)}`.trimEnd() : name
  const color = state === 'idle' ? 'green' : 'yellow'
  return `${paint('bold', title)}  ${paint(color, state)}, pid ${pid}, up ${ago(since, nowMs)}`
}

function vouched(build: BuildStatus, nowMs: number): string {
  if (build.build === 'command') return 'the command'
  const when = build.committedAt
    ? `committed ${ago(build.committedAt, nowMs)} ago`
    : build.stagedAt
      ? `staged ${ago(build.stagedAt, nowMs)} ago, not committed`
      : 'not committed'
  const who = build.proofs.length === 0 ? 'unverified' : `verified by ${build.proofs.join(', ')}`
  return clean(`${title(build)}, ${when}, ${who}`)
}

function workers(status: Status, nowMs: number, paint: Paint): string[] {
  if (status.workers.length === 0) return [paint('red', 'none')]
  return status.workers.map((worker) => {
    const parts = [
      `${paint(COLORS[worker.state], worker.state)} for ${ago(worker.since, nowMs)}`,
      ...(worker.build === 'command' ? [] : [clean(worker.version) || shortId(worker.build)]),
      `generation ${worker.generation}`,
      ...(worker.connections === null ? [] : [count(worker.connections, 'connection')]),
      ...(worker.restarts === 0 ? [] : [count(worker.restarts, 'restart')]),
      ...(worker.status === '' ? [] : [`"${clean(worker.status)}"`]),
    ]
    return `${worker.pid === null ? 'no pid' : worker.pid}  ${parts.join(', ')}`
  })
}

const COLORS: Readonly<Record<WorkerStatus['state'], 'green' | 'yellow' | 'red' | 'dim'>> = {
  ready: 'green',
  starting: 'yellow',
  draining: 'dim',
  'back-off': 'red',
}

function checks({ lastCheck, nextCheckAt }: Status, nowMs: number, paint: Paint): string {
  const wait = nextCheckAt === null ? null : Date.parse(nextCheckAt) - nowMs
  const next = wait === null ? '' : wait <= 0 ? '; next now' : `; next in ${span(wait)}`
  if (!lastCheck) return `none yet${next}`
  const { result, at, message } = lastCheck
  const what = {
    unchanged: 'nothing new',
    release: 'a release',
    incomplete: 'a release that is not whole',
    error: 'failed',
  }
  const text = `${what[result]} ${ago(at, nowMs)} ago${message ? `: ${clean(message)}` : ''}`
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

function title(build: { readonly version: string; readonly build: string }): string {
  const id = shortId(build.build)
  return build.version && !id.startsWith(build.version) ? `${clean(build.version)} (${id})` : id
}

function ago(at: string, nowMs: number): string {
  return span(nowMs - Date.parse(at))
}

function span(ms: number): string {
  if (!Number.isFinite(ms)) return 'unknown time'
  return ms < 2 * DAY_MS
    ? formatDuration(Math.max(0, Math.round(ms / 1_000) * 1_000))
    : `${Math.floor(ms / DAY_MS)} days`
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
