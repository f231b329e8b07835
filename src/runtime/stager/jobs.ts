/**
 * All that stagers do for one master, whoever asked for it: each job is ordered from what is known when it starts, what
 * it says of the source's budget is remembered, and what it staged is sealed here, by the master, before anybody hears
 * of it. Who gives up the lock of the store waits for `idle` first.
 */

import type { Source } from '../../../fetchers/index.ts'
import { type Budgets, isEmptyBudget, readBudget } from '../../core/budget.ts'
import type { CheckEnd } from '../../core/pipeline.ts'
import { heldUnder } from '../../core/quarantine.ts'
import type { Settings } from '../../core/settings.ts'
import type { CallBudget } from '../../core/source.ts'
import type { State } from '../../core/state.ts'
import type { StorePaths } from '../../store/layout.ts'
import { loadBudgets, saveBudget } from '../budgets.ts'
import { floorOf, knownOf, NOTHING_KNOWN, stageJob } from './check-job.ts'
import type { StageProgress } from './stage-protocol.ts'
import { type Staging, stage } from './staging.ts'
import { takeVerdict } from './take-staged.ts'

export interface JobsContext {
  readonly settings: Settings
  readonly paths: StorePaths
  readonly source: Source | null
}

export interface JobCallbacks {
  onProgress(progress: Exclude<StageProgress, { type: 'budget' }>): void
  /** Once, when what was staged is sealed. */
  onEnd(end: CheckEnd): void
}

export class StagerJobs {
  readonly #context: JobsContext
  /** What writes to the store just now. */
  readonly #writing = new Set<Promise<unknown>>()
  /** What the source last said of how often it may be asked. */
  #budget: CallBudget | null = null
  /** All that was said, also where it could not be written down. */
  #budgets: Budgets = {}

  constructor(context: JobsContext) {
    this.#context = context
  }

  /** Throws AutoupError where the token file cannot be read now. */
  start(state: State, { again }: { readonly again: boolean }, { onProgress, onEnd }: JobCallbacks): Staging {
    const { settings, paths, source } = this.#context
    const { ledger, policy } = state
    const job = stageJob(settings, paths, source?.fetcher.scheme ?? '', {
      ...(again ? NOTHING_KNOWN : knownOf(state, paths)),
      floor: floorOf(ledger),
      ratchet: ledger.ratchet,
      quarantined: heldUnder(ledger, policy.launch),
      again,
      budgets: { ...this.#budgets, ...loadBudgets(settings.stateDir) },
    })
    const staging = stage(job, {
      onProgress: (progress) => (progress.type === 'budget' ? this.#remember(progress) : onProgress(progress)),
      onVerdict: (verdict) => void this.#whileWriting(takeVerdict(paths, verdict)).then(onEnd),
    })
    void this.#whileWriting(staging.done)
    return staging
  }

  /** Of the source that is followed, or null where nobody counts. */
  get budget(): CallBudget | null {
    const budget = readBudget(this.#budget, Date.now())
    return isEmptyBudget(budget) ? null : budget
  }

  /** Nothing of it writes to the store any more. */
  async idle(): Promise<void> {
    // A stager that ends may leave something to be sealed.
    while (this.#writing.size > 0) await Promise.all(this.#writing)
  }

  #remember({ key, budget }: Extract<StageProgress, { type: 'budget' }>): void {
    this.#budget = budget
    this.#budgets = { ...this.#budgets, [key]: budget }
    saveBudget(this.#context.settings.stateDir, key, budget)
  }

  /** Of work that never rejects. */
  async #whileWriting<T>(work: Promise<T>): Promise<T> {
    this.#writing.add(work)
    const result = await work
    this.#writing.delete(work)
    return result
  }
}
