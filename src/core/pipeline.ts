/**
 * The pipeline: one release to one staged build. Pure.
 *
 *     idle ──due, poke──▶ checking ──found──▶ fetching ──fetched──▶ verifying ──staged──▶ idle
 *       ▲                    │ unchanged, held, incomplete, error      │ refused, error      (the build becomes
 *       └────────────────────┴─────────────────────────────────────────┘                      the candidate)
 *
 * There is no queue. A poke that cannot be answered now (a check runs, a promotion is under way) sets one bit, and
 * the pipeline checks once more when it can: a release published behind a running check is not missed.
 */

import { backoffMs } from './backoff.ts'
import type { Build, BuildId } from './build.ts'
import { unreachable } from './errors.ts'
import { LIMITS } from './settings.ts'
import type { Known } from './source.ts'

/** Why a check is asked for out of turn; `again` also tries what is in quarantine. */
export type Poke = 'plain' | 'again'

export type Pipeline =
  | {
      readonly state: 'idle'
      readonly nextCheckAt: number
      /** The source itself asked to be left alone until then. */
      readonly heldUntil?: number
      readonly failures: number
      readonly poke: Poke | null
    }
  | {
      readonly state: 'checking' | 'fetching' | 'verifying'
      /** What is being fetched, once that is known. */
      readonly version: string | null
      /** Out of turn: looked at closely, whatever a cheap look says. */
      readonly asked: Poke | null
      readonly failures: number
      readonly poke: Poke | null
    }

/** What the stager reports; the last five end its job. */
export type StagerReport =
  | { readonly type: 'found'; readonly version: string; readonly name: string }
  | { readonly type: 'fetched' }
  | { readonly type: 'unchanged'; readonly known: Known; readonly waitMs?: number }
  | { readonly type: 'incomplete'; readonly message: string; readonly waitMs?: number }
  | { readonly type: 'error'; readonly message: string; readonly waitMs?: number }
  | {
      readonly type: 'held'
      readonly build: BuildId
      readonly version: string
      readonly reason: string
      readonly known: Known
    }
  | {
      readonly type: 'refused'
      readonly build: BuildId | null
      readonly version: string
      readonly reason: string
      readonly known: Known
    }
  | { readonly type: 'staged'; readonly build: Build; readonly known: Known }

/** What a finished check means to the supervisor. */
export type CheckEnd = Exclude<StagerReport, { type: 'found' | 'fetched' }>

export type PipelineEvent = { readonly type: 'tick' } | { readonly type: 'poke'; readonly poke: Poke } | StagerReport

export interface PipelineContext {
  readonly intervalMs: number
  /** A promotion is under way, or the master stops: no check may start. */
  readonly busy: boolean
}

export interface PipelineStep {
  readonly pipeline: Pipeline
  /** Start the stager; `null` may be answered by the fetcher's cheap look alone. */
  readonly start: { readonly asked: Poke | null } | null
  /** The check has ended; `asked` says whether somebody had asked for it. */
  readonly end: { readonly report: CheckEnd; readonly asked: Poke | null } | null
}

/** A pipeline that checks as soon as it is ticked. */
export function newPipeline(now: number): Pipeline {
  return { state: 'idle', nextCheckAt: now, failures: 0, poke: null }
}

export function stepPipeline(
  pipeline: Pipeline,
  event: PipelineEvent,
  now: number,
  context: PipelineContext,
): PipelineStep {
  switch (event.type) {
    case 'tick':
      return begin(pipeline, now, context)
    case 'poke':
      return begin({ ...pipeline, poke: strongest(pipeline.poke, event.poke) }, now, context)
    case 'found':
      return advance(pipeline, 'checking', (working) => ({ ...working, state: 'fetching', version: event.version }))
    case 'fetched':
      return advance(pipeline, 'fetching', (working) => ({ ...working, state: 'verifying' }))
    case 'unchanged':
    case 'held':
    case 'incomplete':
    case 'error':
    case 'refused':
    case 'staged':
      return finish(pipeline, event, now, context)
    default:
      return unreachable(event)
  }
}

type Working = Exclude<Pipeline, { state: 'idle' }>

function begin(pipeline: Pipeline, now: number, context: PipelineContext): PipelineStep {
  const due = pipeline.state === 'idle' && !context.busy && (pipeline.poke !== null || now >= pipeline.nextCheckAt)
  if (!due) return { pipeline, start: null, end: null }
  const asked = pipeline.poke
  return {
    pipeline: { state: 'checking', version: null, asked, failures: pipeline.failures, poke: null },
    start: { asked },
    end: null,
  }
}

function advance(pipeline: Pipeline, from: Working['state'], change: (working: Working) => Working): PipelineStep {
  const fits = pipeline.state !== 'idle' && pipeline.state === from
  return { pipeline: fits ? change(pipeline) : pipeline, start: null, end: null }
}

function finish(pipeline: Pipeline, end: CheckEnd, now: number, context: PipelineContext): PipelineStep {
  // A stager that was stopped may still report; nobody waits for it.
  if (pipeline.state === 'idle') return { pipeline, start: null, end: null }
  const failures = end.type === 'error' ? pipeline.failures + 1 : 0
  const heldMs = askedMs(end)
  const idle: Pipeline = {
    state: 'idle',
    nextCheckAt: now + Math.max(heldMs, ownWaitMs(end, failures, context)),
    ...(heldMs > 0 ? { heldUntil: now + heldMs } : {}),
    failures,
    poke: pipeline.poke,
  }
  return { pipeline: idle, start: null, end: { report: end, asked: pipeline.asked } }
}

/** How long the source asks to be left alone; only a poke comes before. */
function askedMs(end: CheckEnd): number {
  return 'waitMs' in end ? Math.min(end.waitMs ?? 0, LIMITS.sourceWaitMs) : 0
}

/** Trouble of the network backs off up to ten intervals; what is being published is looked at again soon. */
function ownWaitMs(end: CheckEnd, failures: number, context: PipelineContext): number {
  if (end.type === 'error') return backoffMs(failures, LIMITS.checkRetryFirstMs, context.intervalMs * 10)
  if (end.type === 'incomplete') return Math.min(context.intervalMs, LIMITS.incompleteRetryMs)
  return context.intervalMs
}

/** What answers all of these. */
export function strongest(...pokes: readonly (Poke | null)[]): Poke | null {
  return pokes.includes('again') ? 'again' : pokes.includes('plain') ? 'plain' : null
}
