/**
 * What became of a start, seen in what the master says: the one answer that `autoup start` waits for. A start is good
 * when as many workers of one generation are ready as were asked for, and bad with the first that was not, or with a
 * first build that cannot be had. Pure: events in, at most one verdict out.
 */

import type { ErrorCode } from './errors.ts'
import type { AutoupEvent, Outcome, Stamped } from './events.ts'

export type StartVerdict =
  /** `isProven` where something has shown that the app serves. */
  | { readonly type: 'started'; readonly isProven: boolean }
  | {
      readonly type: 'failed'
      readonly code: ErrorCode
      readonly message: string
      /** Workers that a killed master has left serve on: whoever ends this one would end them. */
      readonly isServed: boolean
    }

/**
 * What the master tells the one who waits: what it is at before its first build is here, and the verdict, which is the
 * last.
 */
export type StartWord = StartVerdict | { readonly type: 'event'; readonly event: Stamped }

export interface StartTerms {
  /** Ready workers that make a start a good one. */
  readonly instances: number
  /** A worker can show that it serves. */
  readonly hasProof: boolean
  /** It is good when the master has begun, whatever comes of its workers. */
  readonly isPatient: boolean
}

const CODES: Readonly<Partial<Record<Outcome, ErrorCode>>> = {
  refused: 'refused',
  'rolled-back': 'rolled-back',
  quarantined: 'rolled-back',
  incomplete: 'failed',
  failed: 'failed',
  stopped: 'failed',
}

/** Said before the master can be asked anything. */
const EARLY: ReadonlySet<AutoupEvent['type']> = new Set([
  'warning',
  'listening',
  'orphans-found',
  'master-started',
  'listener-tended',
])

/** To be shown every event; answers null until there is a verdict, which is not to be asked for again. */
export function startWatch({
  instances,
  hasProof,
  isPatient,
}: StartTerms): (event: AutoupEvent) => StartVerdict | null {
  /** Those with a process, by generation; true when ready. */
  const workers = new Map<number, { readonly generation: number; readonly isReady: boolean }>()
  let hasStarted = false
  let isServed = false

  const failed = (code: ErrorCode, message: string): StartVerdict => ({ type: 'failed', code, message, isServed })

  return (event) => {
    if (isPatient && !EARLY.has(event.type)) return { type: 'started', isProven: false }
    switch (event.type) {
      case 'orphans-found':
        isServed = true
        return null
      case 'worker-started':
        hasStarted = true
        workers.set(event.worker, { generation: event.generation, isReady: false })
        return null
      case 'worker-ready': {
        workers.set(event.worker, { generation: event.generation, isReady: true })
        const ready = [...workers.values()].filter((each) => each.isReady && each.generation === event.generation)
        return ready.length >= instances ? { type: 'started', isProven: hasProof } : null
      }
      case 'worker-exited':
        workers.delete(event.worker)
        return null
      case 'worker-failed':
        // One that still has its process was given up for its time.
        return failed(workers.has(event.worker) ? 'timed-out' : 'failed', event.reason)
      case 'settled': {
        const code = CODES[event.outcome]
        return code === undefined ? null : failed(code, event.message)
      }
      case 'check-finished':
        // With a committed build the source is not needed for a start.
        if (hasStarted || (event.result !== 'error' && event.result !== 'incomplete')) return null
        return failed('failed', event.message)
      case 'master-stopping':
        return failed('failed', `it was stopped: ${event.reason}`)
      default:
        return null
    }
  }
}
