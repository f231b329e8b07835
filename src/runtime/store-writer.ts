/**
 * What the master writes to its store while it runs: the record of each decision, the links that follow it, and the
 * sweep of old builds. It owns the sweeps under way: the lock is given up only when they are over.
 */

import { messageOf } from '../core/errors.ts'
import type { AutoupEvent } from '../core/events.ts'
import type { Ledger } from '../core/ledger.ts'
import type { Effect, Input, State } from '../core/state.ts'
import { protectedBuilds } from '../core/turn.ts'
import type { StorePaths } from '../store/layout.ts'
import { repairLinks, saveLedger } from '../store/ledger-file.ts'
import { sweepBuilds } from '../store/sweep.ts'
import type { Live } from './live.ts'

export interface StoreWriterContext {
  readonly paths: StorePaths
  readonly live: Pick<Live, 'settings'>
  readonly emit: (event: AutoupEvent) => void
  readonly state: () => State
}

export class StoreWriter {
  readonly #context: StoreWriterContext
  #sweeping: Promise<void> = Promise.resolve()

  constructor(context: StoreWriterContext) {
    this.#context = context
  }

  /** Durable when it answers that there was no error. */
  save({ purpose, ledger }: Extract<Effect, { type: 'save' }>): Input {
    try {
      saveLedger(this.#context.paths, ledger)
    } catch (error) {
      return { type: 'saved', purpose, error: messageOf(error) }
    }
    this.#followLedger(ledger)
    return { type: 'saved', purpose, error: null }
  }

  /** One after the other: each looks at what is there when its turn comes. */
  sweep(): void {
    this.#sweeping = this.#sweeping.then(() => this.#sweep())
  }

  /** Nothing of it writes to the store any more. */
  async idle(): Promise<void> {
    await this.#sweeping
  }

  /** The links are for people; the ledger is what counts. */
  #followLedger(ledger: Ledger): void {
    const { paths, emit } = this.#context
    try {
      repairLinks(paths, ledger)
    } catch (error) {
      emit({ type: 'warning', message: messageOf(error) })
    }
  }

  async #sweep(): Promise<void> {
    const { paths, live, emit, state } = this.#context
    try {
      for (const build of await sweepBuilds(paths, {
        keep: live.settings.keep,
        protect: protectedBuilds(state()),
        isNeeded: (id) => protectedBuilds(state()).has(id),
      })) {
        emit({ type: 'build-swept', build, version: '' })
      }
    } catch (error) {
      emit({ type: 'warning', message: `old builds could not be swept: ${messageOf(error)}` })
    }
  }
}
