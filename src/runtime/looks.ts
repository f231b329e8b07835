/** What an operator asks of the source beside the checks of the pipeline; the core hears nothing of it. */

import type { State } from '../core/state.ts'
import type { ControlReply } from './control/server.ts'
import { asNew } from './stager/check-job.ts'
import type { JobCallbacks, JobsContext, StagerJobs } from './stager/jobs.ts'
import { replyTo, replyToLook } from './stager/stage-reply.ts'
import type { Staging } from './stager/staging.ts'

type Progress = Parameters<JobCallbacks['onProgress']>[0]

export class Looks {
  readonly #context: Pick<JobsContext, 'source'>
  readonly #jobs: StagerJobs
  readonly #running = new Set<Staging>()

  constructor(context: Pick<JobsContext, 'source'>, jobs: StagerJobs) {
    this.#context = context
    this.#jobs = jobs
  }

  /** `autoup check`: what there is, without taking it. */
  async look(state: State): Promise<ControlReply> {
    let version = ''
    return await this.#ask(state, (progress, staging, resolve) => {
      if (progress.type === 'found') version = progress.version
      // All that is asked before the first byte has let it through.
      if (progress.type !== 'vouched') return
      staging.stop()
      resolve(replyToLook(version, state))
    })
  }

  /** `autoup stage`: into the store, no further. */
  async stage(state: State): Promise<ControlReply> {
    return await this.#ask(state, () => undefined)
  }

  /** Who asked is not answered any more. */
  stop(): void {
    for (const staging of this.#running) staging.stop()
  }

  async #ask(
    state: State,
    onProgress: (progress: Progress, staging: Staging, resolve: (reply: ControlReply) => void) => void,
  ): Promise<ControlReply> {
    if (!this.#context.source) {
      return { outcome: 'failed', message: 'there is no release source: start it with --fetch', version: null, exit: 1 }
    }
    return await new Promise((resolve) => {
      const staging: Staging = this.#jobs.start(
        asNew(state),
        { again: false },
        {
          onProgress: (progress) => onProgress(progress, staging, resolve),
          onEnd: (end) => resolve(replyTo(end, state)),
        },
      )
      this.#running.add(staging)
      void staging.done.then(() => this.#running.delete(staging))
    })
  }
}
