/**
 * Effects as acts: each goes to the part of the master that carries it out. Only `save` is known at once and answers
 * with an input; what comes of the others is sent by those parts when they know.
 */

import { unreachable } from '../core/errors.ts'
import type { Effect, Input, State } from '../core/state.ts'
import type { Checks } from './checks.ts'
import type { Requests } from './control/requests.ts'
import type { EventLog } from './event-log.ts'
import type { Hooks } from './hooks.ts'
import type { Looks } from './looks.ts'
import type { Reload } from './reload.ts'
import type { StoreWriter } from './store-writer.ts'
import type { Tending } from './tending.ts'
import type { Preflight } from './workers/preflight.ts'
import type { Workforce } from './workers/workforce.ts'

export interface Parts {
  readonly log: EventLog
  readonly store: StoreWriter
  readonly workforce: Workforce
  readonly checks: Checks
  readonly looks: Looks
  readonly preflight: Preflight
  readonly hooks: Hooks
  readonly reload: Reload
  readonly requests: Requests
  readonly tending: Tending
  readonly state: () => State
  /** The master's own end, with this exit status. */
  readonly end: (status: number) => void
}

export function carryOut(effect: Effect, parts: Parts): Input | undefined {
  const { log, store, workforce, checks, looks, preflight, hooks, reload, requests, tending, state, end } = parts
  switch (effect.type) {
    case 'save':
      return store.save(effect)
    case 'emit':
      log.emit(effect.event)
      if (effect.event.type === 'worker-ready' || effect.event.type === 'worker-exited') tending.now()
      break
    case 'spawn':
      void workforce.spawn(effect)
      break
    case 'drain':
      workforce.drain(effect.worker)
      break
    case 'kill':
      workforce.kill(effect.worker)
      break
    case 'diagnose':
      workforce.diagnose(effect.worker)
      break
    case 'stage':
      void checks.start(effect.asked, state())
      break
    case 'stop-stager':
      checks.stop()
      looks.stop()
      break
    case 'stop-check':
      checks.stop()
      break
    case 'apply-settings':
      reload.apply()
      break
    case 'preflight':
      void preflight.start(effect)
      break
    case 'before-hook':
      void hooks.before(effect)
      break
    case 'sweep':
      store.sweep()
      break
    case 'settle':
      requests.settle(effect)
      break
    case 'exit':
      end(effect.status)
      break
    default:
      unreachable(effect)
  }
  return undefined
}
