/** The checks of the pipeline, one at a time: started and stopped by the core, which hears how each ends. */

import type { Source } from '../../fetchers/index.ts'
import { messageOf } from '../core/errors.ts'
import type { AutoupEvent } from '../core/events.ts'
import type { Poke, StagerReport } from '../core/pipeline.ts'
import type { Input, State } from '../core/state.ts'
import { asNew, knownOf } from './stager/check-job.ts'
import type { JobCallbacks, JobsContext, StagerJobs } from './stager/jobs.ts'
import type { Staging } from './stager/staging.ts'

export interface ChecksContext extends JobsContext {
  readonly send: (input: Input) => void
  readonly emit: (event: AutoupEvent) => void
}

export class Checks {
  readonly #context: ChecksContext
  readonly #jobs: StagerJobs
  #running: Staging | null = null
  /** What is being fetched, for the progress. */
  #version = ''
  /** Told apart from one that was stopped meanwhile. */
  #turn = 0

  constructor(context: ChecksContext, jobs: StagerJobs) {
    this.#context = context
    this.#jobs = jobs
  }

  /** Nobody asked: then a cheap look may answer. */
  async start(asked: Poke | null, state: State): Promise<void> {
    const { source, paths } = this.#context
    const turn = ++this.#turn
    const { known, here } = knownOf(state, paths)
    if (!source) return
    if (asked === null && known !== null && here === null) {
      const isChanged = await mayHaveChanged(source, known)
      if (turn !== this.#turn) return
      if (!isChanged) return this.#report({ type: 'unchanged', known })
    }
    // Who asks after a refusal may have brought what was missing; not every source looks different for it.
    const isAnew = asked !== null && (state.ledger.known?.refusal ?? null) !== null
    try {
      this.#running = this.#jobs.start(
        isAnew ? asNew(state) : state,
        { again: asked === 'again' },
        {
          onProgress: (progress) => this.#onProgress(progress),
          onEnd: (end) => {
            if (turn !== this.#turn) return
            this.#running = null
            this.#report(end)
          },
        },
      )
    } catch (error) {
      this.#report({ type: 'error', message: messageOf(error) })
    }
  }

  /** Nothing of the one that runs is reported any more. */
  stop(): void {
    this.#turn++
    this.#running?.stop()
    this.#running = null
  }

  #onProgress(progress: Parameters<JobCallbacks['onProgress']>[0]): void {
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
      case 'checking':
      case 'vouched':
        return
    }
  }

  #report(report: StagerReport): void {
    this.#context.send({ type: 'stager', report })
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
