/**
 * The master's hold on the stager: one check for the pipeline at a time, and the looks that an operator asks for
 * beside it. What is staged is sealed here, by the master, before the core hears of it.
 */

import type { Source } from '../../fetchers/index.ts'
import { type Budgets, isEmptyBudget, readBudget } from '../core/budget.ts'
import { messageOf } from '../core/errors.ts'
import type { AutoupEvent } from '../core/events.ts'
import type { CheckEnd, Poke, StagerReport } from '../core/pipeline.ts'
import { heldUnder } from '../core/quarantine.ts'
import type { Settings } from '../core/settings.ts'
import type { CallBudget } from '../core/source.ts'
import type { Input, State } from '../core/state.ts'
import type { StorePaths } from '../store/layout.ts'
import { loadBudgets, saveBudget } from './budgets.ts'
import type { ControlReply } from './control/server.ts'
import { floorOf, knownOf, NOTHING_KNOWN, stageJob } from './stager/check-job.ts'
import type { StageJob, StageProgress, StageVerdict } from './stager/stage-protocol.ts'
import { replyTo, replyToLook } from './stager/stage-reply.ts'
import { type StageCallbacks, type Staging, stage } from './stager/staging.ts'
import { takeVerdict } from './stager/take-staged.ts'

export interface ChecksContext {
  readonly settings: Settings
  readonly paths: StorePaths
  readonly source: Source | null
  readonly send: (input: Input) => void
  readonly emit: (event: AutoupEvent) => void
}

export class Checks {
  readonly #context: ChecksContext
  #running: Staging | null = null
  /** What is being fetched, for the progress. */
  #version = ''
  /** What operators have asked for beside it. */
  readonly #aside = new Set<Staging>()
  /** What writes to the store just now. */
  readonly #writing = new Set<Promise<unknown>>()
  /** What the source last said of how often it may be asked. */
  #budget: CallBudget | null = null
  /** All that was said, also where it could not be written down. */
  #budgets: Budgets = {}
  /** Told apart from one that was stopped meanwhile. */
  #turn = 0

  constructor(context: ChecksContext) {
    this.#context = context
  }

  /** A check of the pipeline. Nobody asked: then a cheap look may answer. */
  async start(asked: Poke | null, state: State): Promise<void> {
    const { source } = this.#context
    const turn = ++this.#turn
    const { known, here } = knownOf(state, this.#context.paths)
    if (!source) return
    if (asked === null && known !== null && here === null) {
      const isChanged = await mayHaveChanged(source, known)
      if (turn !== this.#turn) return
      if (!isChanged) return this.#report({ type: 'unchanged', known })
    }
    let job: StageJob
    try {
      job = this.#job(state, asked === 'again')
    } catch (error) {
      // A token file that cannot be read now.
      return this.#report({ type: 'error', message: messageOf(error) })
    }
    this.#running = this.#stage(job, {
      onProgress: (progress) => this.#onProgress(progress),
      onVerdict: (verdict) => void this.#onVerdict(verdict, turn),
    })
  }

  /** Of the source that is followed, or null where nobody counts. */
  get budget(): CallBudget | null {
    const budget = readBudget(this.#budget, Date.now())
    return isEmptyBudget(budget) ? null : budget
  }

  /** The check of the pipeline alone: nothing of it is reported any more. */
  stopCheck(): void {
    this.#turn++
    this.#running?.stop()
    this.#running = null
  }

  /** For good: nothing is reported any more, and who asked for a look is not answered. */
  stop(): void {
    this.stopCheck()
    for (const staging of this.#aside) staging.stop()
  }

  /** Nothing of it writes to the store any more. */
  async idle(): Promise<void> {
    // A stager that ends may leave something to be sealed.
    while (this.#writing.size > 0) await Promise.all(this.#writing)
  }

  /** `autoup check`: what there is, without taking it. */
  async look(state: State): Promise<ControlReply> {
    return await this.#beside(state, (progress, staging, resolve) => {
      if (progress.type !== 'found') return
      staging.stop()
      resolve(replyToLook(progress.version, state))
    })
  }

  /** `autoup stage`: into the store, no further. */
  async stageOnly(state: State): Promise<ControlReply> {
    return await this.#beside(state, () => undefined)
  }

  /** A job beside the pipeline's, of which the core hears nothing. */
  async #beside(
    state: State,
    onProgress: (progress: StageProgress, staging: Staging, resolve: (reply: ControlReply) => void) => void,
  ): Promise<ControlReply> {
    if (!this.#context.source) {
      return { outcome: 'failed', message: 'there is no release source: start it with --fetch', version: null, exit: 1 }
    }
    return await new Promise((resolve) => {
      const staging: Staging = this.#stage(this.#job({ ...state, ledger: { ...state.ledger, known: null } }, false), {
        onProgress: (progress) => {
          if (progress.type === 'budget') this.#remember(progress)
          else onProgress(progress, staging, resolve)
        },
        onVerdict: (verdict) => void this.#sealed(verdict).then((report) => resolve(replyTo(report, state))),
      })
      this.#aside.add(staging)
      void staging.done.then(() => this.#aside.delete(staging))
    })
  }

  #onProgress(progress: StageProgress): void {
    const { send, emit } = this.#context
    switch (progress.type) {
      case 'found':
        this.#version = progress.version
        return send({ type: 'stager', report: progress })
      case 'verifying':
        return send({ type: 'stager', report: { type: 'fetched' } })
      case 'progress':
        return emit({ type: 'fetch-progress', version: this.#version, bytes: progress.bytes, total: progress.total })
      case 'warning':
        return emit({ type: 'warning', message: progress.message })
      case 'budget':
        return this.#remember(progress)
      case 'checking':
      case 'vouched':
        return
    }
  }

  #remember({ key, budget }: Extract<StageProgress, { type: 'budget' }>): void {
    this.#budget = budget
    this.#budgets = { ...this.#budgets, [key]: budget }
    saveBudget(this.#context.settings.stateDir, key, budget)
  }

  async #onVerdict(verdict: StageVerdict, turn: number): Promise<void> {
    const report = await this.#sealed(verdict)
    if (turn !== this.#turn) return
    this.#running = null
    this.#report(report)
  }

  #stage(job: StageJob, callbacks: StageCallbacks): Staging {
    const staging = stage(job, callbacks)
    void this.#whileWriting(staging.done)
    return staging
  }

  #sealed(verdict: StageVerdict): Promise<CheckEnd> {
    return this.#whileWriting(takeVerdict(this.#context.paths, verdict))
  }

  /** Of work that never rejects. */
  async #whileWriting<T>(work: Promise<T>): Promise<T> {
    this.#writing.add(work)
    const result = await work
    this.#writing.delete(work)
    return result
  }

  #report(report: StagerReport): void {
    this.#context.send({ type: 'stager', report })
  }

  #job({ ledger, policy, ...state }: State, again: boolean): StageJob {
    const { settings, paths, source } = this.#context
    return stageJob(settings, paths, source?.fetcher.scheme ?? '', {
      ...(again ? NOTHING_KNOWN : knownOf({ ledger, policy, ...state }, paths)),
      floor: floorOf(ledger),
      ratchet: ledger.ratchet,
      quarantined: heldUnder(ledger, policy.launch),
      again,
      budgets: { ...this.#budgets, ...loadBudgets(settings.stateDir) },
    })
  }
}

/** The cheap look. Where it fails, the stager says why. */
async function mayHaveChanged({ fetcher, location }: Source, known: unknown): Promise<boolean> {
  try {
    return fetcher.changed ? await fetcher.changed(location, known) : true
  } catch {
    return true
  }
}
