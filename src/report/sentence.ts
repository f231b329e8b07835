/** Every event as a sentence for people, with how much it matters. Pretty lines and the journal are made of these. */

import { shortId } from '../core/build.ts'
import { formatDuration, formatSize } from '../core/duration.ts'
import type { AutoupEvent, Outcome } from '../core/events.ts'
import { clean } from './clean.ts'

/** `detail` is what goes on all day when nothing happens. */
export type Weight = 'detail' | 'info' | 'good' | 'warning' | 'error'

export interface Sentence {
  /** What it is about, in one short word. */
  readonly subject: string
  readonly weight: Weight
  /** One line without control characters. */
  readonly text: string
}

export function sentence(event: AutoupEvent): Sentence {
  const [subject, weight, text] = describe(event)
  return { subject, weight, text: clean(text) }
}

/** What a command wrote before it failed, where that is more than the line that its sentence has: lines under it. */
export function outputOf(event: AutoupEvent): readonly string[] {
  // An older version said nothing of it.
  const output = event.type === 'hook-failed' ? (event.output ?? []) : []
  return output.length > 1 ? output.map(clean) : []
}

function describe(event: AutoupEvent): [subject: string, weight: Weight, text: string] {
  switch (event.type) {
    case 'master-started': {
      const follows = event.source === null ? '' : ` and follows ${event.source}`
      return ['master', 'info', `${event.name} runs as pid ${event.pid}${follows}`]
    }
    case 'master-stopping':
      return ['master', 'info', `stops: ${event.reason}`]
    case 'master-stopped':
      return ['master', 'info', 'has stopped']
    case 'listening':
      return ['listen', 'info', `${event.address} (${event.name}) ${LISTENING[event.how]}`]
    case 'page-opened':
      return ['page', 'info', `http://${event.address}/ shows this service, and /metrics its numbers`]
    case 'listener-closed':
      return ['listen', 'info', `${event.address} (${event.name}) is closed`]
    case 'listener-tended':
      return ['listen', 'warning', `${event.address}: ${event.what}`]
    case 'orphans-found':
      return ['master', 'warning', `workers of a killed master still serve: pid ${event.pids.join(', ')}`]
    case 'worker-started':
      return ['worker', 'info', `${worker(event)} starts, generation ${event.generation}`]
    case 'worker-ready':
      return ['worker', 'good', `${worker(event)} is ready after ${formatDuration(event.afterMs)}: ${event.how}`]
    case 'worker-draining':
      return ['worker', 'info', `${worker(event)} drains: ${event.reason}`]
    case 'worker-killed':
      return ['worker', 'warning', `${worker(event)} is killed: ${event.reason}`]
    case 'worker-exited': {
      const life = `${event.how} after ${formatDuration(event.afterMs)}`
      if (event.expected) return ['worker', 'info', `${worker(event)} has ended: ${life}`]
      return ['worker', 'warning', `${worker(event)} died: ${life}`]
    }
    case 'worker-failed': {
      const { retryInMs } = event
      const next = retryInMs === null ? 'waits for a change' : `next try in ${formatDuration(retryInMs)}`
      return ['worker', 'warning', `${worker(event)} failed: ${event.reason}; ${next}`]
    }
    case 'check-started':
      return ['check', 'detail', `looks at ${event.source}`]
    case 'check-finished': {
      const weight = { unchanged: 'detail', release: 'info', incomplete: 'warning', error: 'warning' } as const
      const what = { unchanged: 'nothing new', release: 'a release', incomplete: 'not yet whole', error: 'failed' }
      return ['check', weight[event.result], tail(what[event.result], event.message)]
    }
    case 'release-found':
      return ['release', 'info', `${event.version} is there: ${event.name}`]
    case 'fetch-progress': {
      const { bytes, total, version } = event
      const share = total ? ` of ${formatSize(total)}, ${Math.floor((bytes / total) * 100)} %` : ''
      return ['fetch', 'info', `${version}: ${formatSize(bytes)}${share}`]
    }
    case 'release-fetched':
      return ['fetch', 'detail', `${event.version} is here: it is verified and unpacked`]
    case 'build-staged': {
      const proofs = event.proofs.length === 0 ? 'unverified' : `verified by ${event.proofs.join(', ')}`
      return ['build', 'good', `${build(event)} is staged, ${proofs}`]
    }
    case 'build-refused':
      return ['build', 'error', `${build(event)} is refused: ${event.reason}`]
    case 'preflight-started':
      return ['build', 'info', `${build(event)} is tried by the preflight command`]
    case 'hook-started':
      return ['hook', 'info', `${event.hook} for ${build(event)}`]
    case 'hook-failed':
      return ['hook', 'warning', `${event.hook} for ${build(event)} failed: ${event.reason}`]
    case 'promotion-started':
      return [event.purpose, 'info', `to ${build(event)} starts, generation ${event.generation}`]
    case 'promotion-ready':
      return [
        event.purpose,
        'info',
        `to ${build(event)}: all ready after ${formatDuration(event.afterMs)}, watched now`,
      ]
    case 'build-committed':
      return [event.purpose, 'good', `to ${build(event)} is committed`]
    case 'promotion-failed':
      return [event.purpose, 'error', `to ${build(event)} failed: ${event.reason}`]
    case 'rolled-back':
      return ['rollback', 'error', `from ${event.from} back to ${build(event)}: ${event.reason}`]
    case 'build-quarantined':
      return ['build', 'warning', `${build(event)} is held back: ${event.reason}`]
    case 'quarantine-lifted':
      return ['build', 'info', `${build(event)} is no longer held back: ${event.reason}`]
    case 'build-swept':
      return ['build', 'detail', `${build(event)} is removed from the store`]
    case 'watch-started':
      return ['watch', 'info', `follows ${event.directory}`]
    case 'files-changed':
      return ['change', 'info', changed(event)]
    case 'paused':
      return ['master', 'warning', 'paused: nothing is promoted until `autoup resume`']
    case 'resumed':
      return ['master', 'info', 'resumed: new releases are promoted again']
    case 'reload-started':
      return ['config', 'detail', 'is read again']
    case 'reload-finished': {
      const weight = { applied: 'detail', waiting: 'info', unchanged: 'info', refused: 'error' } as const
      return ['config', weight[event.outcome], tail(event.outcome, event.message)]
    }
    case 'settings-applied': {
      const workers = event.newWorkers ? ', with new workers' : ''
      return ['config', 'good', `changed: ${event.changed.join(', ') || 'nothing'}${workers}`]
    }
    case 'instances-changed':
      return ['worker', 'info', `${event.instances} wanted from now on`]
    case 'settled':
      return ['result', SETTLED[event.outcome], tail(event.outcome, event.message)]
    case 'warning':
      return ['warning', 'warning', event.message]
    default:
      return unheardOf(event)
  }
}

/** Of another version of autoup: a master's that was not restarted since, or one that an old log is of. */
function unheardOf(event: never): [subject: string, weight: Weight, text: string] {
  const { type } = event as AutoupEvent
  return ['event', 'info', type]
}

function changed({ paths, count }: { readonly paths: readonly string[]; readonly count: number }): string {
  const more = count - paths.length
  return `${paths.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

const LISTENING = { bound: 'is bound', inherited: 'is inherited', 'taken-back': 'is taken back' } as const

const SETTLED: Readonly<Record<Outcome, Weight>> = {
  unchanged: 'detail',
  committed: 'good',
  restarted: 'good',
  refused: 'error',
  'rolled-back': 'error',
  quarantined: 'warning',
  incomplete: 'warning',
  failed: 'error',
  stopped: 'info',
}

function worker(event: { pid: number; version: string; build: string }): string {
  const name = event.build === 'command' ? '' : `${build(event)} `
  return event.pid > 0 ? `${name}pid ${event.pid}` : `${name}without a process`
}

/** Two builds of one version are told apart by the digest. */
function build(event: { version: string; build: string }): string {
  const id = shortId(event.build)
  if (event.build === 'command') return 'the command'
  // Refused before its bytes were known.
  if (id === '') return event.version || 'the release'
  return event.version && !id.startsWith(event.version) ? `${event.version} (${id})` : id
}

function tail(what: string, message: string): string {
  return message === '' || message === what ? what : `${what}: ${message}`
}
