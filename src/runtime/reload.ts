/**
 * SIGHUP and `autoup reload`: the configuration is read again, and what has changed is taken up without losing a
 * connection. It is checked as a whole before anything is touched, with its new sockets bound; what is wrong with it is
 * said, and everything stays as it was. The core decides when it holds: at once, or when a promotion under way has
 * ended. A socket that is no longer asked for is closed when the last worker that was given it has drained; asked for
 * again before that, it is still the same one.
 */

import { AutoupError, EXIT_STATUS, messageOf } from '../core/errors.ts'
import type { AutoupEvent, ReloadOutcome } from '../core/events.ts'
import type { Settings } from '../core/settings.ts'
import type { Input, State } from '../core/state.ts'
import { hasProcess, isLive } from '../core/workers.ts'
import type { StorePaths } from '../store/layout.ts'
import { carryOutPlan, closeAll, type ListenerPlan } from '../system/change-listeners.ts'
import { closeListener, type Listener } from '../system/listeners.ts'
import { recordOf } from './boot.ts'
import type { ControlReply } from './control/server.ts'
import type { Live } from './live.ts'
import { type Prepared, prepareReload } from './prepare-reload.ts'

/** Where the settings come from. */
export interface ReloadHost {
  /** Reads them again. Throws AutoupError. */
  load(): Promise<Settings>
  /** They hold from here on. */
  applied(settings: Settings): void
}

export interface ReloadContext {
  readonly live: Live
  readonly paths: StorePaths
  readonly host: ReloadHost
  readonly send: (input: Input) => void
  readonly emit: (event: AutoupEvent) => void
  readonly state: () => State
}

interface Retired {
  readonly listener: Listener
  /** The last generation that was given it. */
  readonly upTo: number
}

const STOPPED: ControlReply = { outcome: 'stopped', message: 'it is stopping', version: null, exit: 1 }

export class Reload {
  readonly #context: ReloadContext
  /** What waits for the end of a promotion. */
  #pending: Prepared | null = null
  #retired: readonly Retired[] = []
  #last: Promise<unknown> = Promise.resolve()
  #isOver = false

  constructor(context: ReloadContext) {
    this.#context = context
  }

  /** One after the other: each reads what is there when its turn comes. Never rejects. */
  reload(): Promise<ControlReply> {
    const reply = this.#last.then(() => this.#reload())
    this.#last = reply
    return reply
  }

  /** The core has decided that it holds now. */
  apply(): void {
    const { live, emit, host, state } = this.#context
    const prepared = this.#pending
    if (!prepared) return
    this.#pending = null
    const { plan, settings, user, source, environment, preload, changed, needsWorkers } = prepared
    this.#retired = this.#toRetire(plan, state().staleUpTo)
    const listeners = carryOutPlan(plan, (error) => emit({ type: 'warning', message: messageOf(error) }))
    Object.assign(live, { settings, user, source, environment, preload, listeners } satisfies Live)
    for (const { name, shown: address } of plan.fresh) emit({ type: 'listening', name, address, how: 'bound' })
    emit({ type: 'settings-applied', changed, newWorkers: needsWorkers })
    host.applied(settings)
  }

  /** Closes what no worker has any more. */
  follow({ workers }: Pick<State, 'workers'>): void {
    if (this.#retired.length === 0) return
    const isNeeded = ({ upTo }: Retired): boolean =>
      workers.some((worker) => worker.generation <= upTo && hasProcess(worker))
    const over = this.#retired.filter((each) => !isNeeded(each))
    this.#retired = this.#retired.filter(isNeeded)
    for (const { listener } of over) {
      closeListener(listener, { unlink: true })
      this.#context.emit({ type: 'listener-closed', name: listener.name, address: listener.shown })
    }
  }

  /**
   * Those that no new worker gets, and one that has not been told to finish still serves: they are to go on listening.
   */
  get leaving(): readonly Listener[] {
    if (this.#retired.length === 0) return []
    const live = this.#context.state().workers.filter(isLive)
    return this.#retired
      .filter(({ upTo }) => live.some(({ generation }) => generation <= upTo))
      .map(({ listener }) => listener)
  }

  /** A socket was bound anew: what waits must write that down. */
  listenersMoved(): void {
    if (this.#pending) this.#ask(this.#pending)
  }

  /** The final stop. */
  end(): void {
    this.#isOver = true
    closeAll([...this.#retired.map(({ listener }) => listener), ...(this.#pending?.plan.fresh ?? [])])
  }

  get #isStopping(): boolean {
    return this.#isOver || this.#context.state().stop !== null
  }

  async #reload(): Promise<ControlReply> {
    const { host, emit, live, paths } = this.#context
    if (this.#isStopping) return STOPPED
    emit({ type: 'reload-started' })
    let prepared: Prepared
    try {
      prepared = await prepareReload(await host.load(), { live, paths, emit, held: this.#held() })
    } catch (error) {
      return this.#finished('refused', `${messageOf(error)}; everything stays as it was`, error)
    }
    const { changed } = prepared
    if (this.#isStopping) {
      closeAll(prepared.plan.fresh)
      this.#finished('refused', STOPPED.message)
      return STOPPED
    }
    if (changed.length === 0 && !this.#pending) return this.#finished('unchanged', 'nothing has changed')
    this.#replace(prepared)
    this.#ask(prepared)
    const names = changed.join(', ')
    if (this.#pending === null) return this.#finished('applied', `changed: ${names}`)
    const purpose = this.#context.state().promotion?.purpose
    // It may take back what waits.
    const what = names === '' ? 'nothing changes' : `changes: ${names}`
    return this.#finished('waiting', `when the ${purpose} under way has ended, ${what}`)
  }

  /** All that is open here. */
  #held(): Listener[] {
    const retired = this.#retired.map(({ listener }) => listener)
    return [...this.#context.live.listeners, ...(this.#pending?.plan.fresh ?? []), ...retired]
  }

  /** What was bound for a change that is overtaken, and is not asked for any more. */
  #replace(next: Prepared): void {
    const wanted = new Set(next.plan.entries.map(({ listener }) => listener))
    const before = this.#pending?.plan.fresh ?? []
    closeAll(before.filter((listener) => !wanted.has(listener)))
    const fresh = [...before.filter((listener) => wanted.has(listener)), ...next.plan.fresh]
    this.#pending = { ...next, plan: { ...next.plan, fresh } }
  }

  #ask({ policy, instances, needsWorkers, plan }: Prepared): void {
    const retired = this.#toRetire(plan, 0).map(({ listener }) => listener)
    const listeners = recordOf([...plan.entries.map(({ listener }) => listener), ...retired])
    this.#context.send({ type: 'settings-changed', change: { policy, instances, needsWorkers, listeners } })
  }

  #toRetire({ entries }: ListenerPlan, upTo: number): Retired[] {
    const wanted = new Set(entries.map(({ listener }) => listener))
    const all = [...this.#context.live.listeners.map((listener) => ({ listener, upTo })), ...this.#retired]
    return all.filter(({ listener }) => !wanted.has(listener))
  }

  #finished(outcome: ReloadOutcome, message: string, error?: unknown): ControlReply {
    this.#context.emit({ type: 'reload-finished', outcome, message })
    const isRefused = outcome === 'refused'
    const exit = !isRefused ? 0 : error instanceof AutoupError ? EXIT_STATUS[error.code] : 1
    return { outcome: isRefused ? 'failed' : 'reloaded', message, version: null, exit }
  }
}
