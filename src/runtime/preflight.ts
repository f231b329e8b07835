/**
 * `--preflight`: the staged build is run once, without sockets, before it may serve. It ends when its promotion does not
 * wait for it any longer.
 */

import { isMachineTrouble } from '../core/errors.ts'
import type { Failure } from '../core/promotion.ts'
import { LIMITS, type Settings } from '../core/settings.ts'
import type { Effect, Input, State } from '../core/state.ts'
import type { StorePaths } from '../store/layout.ts'
import { runCommand } from '../system/probe.ts'
import type { User } from '../system/user.ts'
import { directoryOf, environmentFor, failureOf } from './launch.ts'

export interface PreflightContext {
  readonly settings: Settings
  readonly paths: StorePaths
  readonly user: User | null
  readonly send: (input: Input) => void
}

type PreflightEffect = Extract<Effect, { type: 'preflight' }>

export class Preflight {
  readonly #context: PreflightContext
  #running: { readonly generation: number; readonly abort: AbortController } | null = null

  constructor(context: PreflightContext) {
    this.#context = context
  }

  async start(effect: PreflightEffect): Promise<void> {
    const { generation } = effect
    const abort = new AbortController()
    this.#running = { generation, abort }
    const failure = await this.#run(effect, abort.signal)
    this.#context.send({ type: 'preflight', generation, failure })
  }

  /** Ends the one that nobody waits for. */
  follow({ promotion }: Pick<State, 'promotion'>): void {
    if (promotion?.state === 'preflight' && promotion.generation === this.#running?.generation) return
    this.#running?.abort.abort()
    this.#running = null
  }

  /** Null when it exits 0 in time. */
  async #run({ build, generation }: PreflightEffect, signal: AbortSignal): Promise<Failure | null> {
    const { settings, paths, user } = this.#context
    try {
      const env = environmentFor({ settings, paths, build, generation, user })
      const cwd = directoryOf(paths, build, settings)
      const command = settings.preflight ?? 'true'
      const { reason, errno } = await runCommand(command, env, cwd, LIMITS.preflightMs, user, signal)
      if (reason === null) return null
      const kind = isMachineTrouble(errno) ? 'machine' : 'behaviour'
      return { kind, reason: `its preflight failed: ${reason}`, isProbe: false }
    } catch (error) {
      return failureOf(error, 'its preflight could not be started')
    }
  }
}
