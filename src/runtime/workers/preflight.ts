/**
 * `--preflight`: the staged build is run once, without sockets, before it may serve. It ends when its promotion does
 * not wait for it any longer. Where the program is its own master, each build must be fit for that as well, and the
 * program has a say.
 */

import type { Build } from '../../core/build.ts'
import { messageOf } from '../../core/errors.ts'
import type { Failure } from '../../core/promotion.ts'
import { LIMITS, type Settings } from '../../core/settings.ts'
import type { Effect, Input, State } from '../../core/state.ts'
import type { StorePaths } from '../../store/layout.ts'
import { runCommand } from '../../system/probe.ts'
import type { User } from '../../system/user.ts'
import { masterProblem } from '../stager/build-check.ts'
import { directoryOf, environmentFor, failureOfBuild, resolveLaunch } from './launch.ts'

export interface PreflightContext {
  readonly settings: Settings
  readonly paths: StorePaths
  readonly user: User | null
  readonly send: (input: Input) => void
  readonly preUpgrade?: PreUpgrade | undefined
}

/** The program's own word on a build, of which `file` is what would be started: it rejects to turn it down. */
export type PreUpgrade = (file: string, build: Build) => unknown

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
      if (settings.embedded !== null) {
        const { argv, cwd } = resolveLaunch(paths, build, settings)
        const problem = await masterProblem({ argv, cwd, env, user }, signal)
        if (problem !== null) return behaviour(`it ${problem}`)
      }
      if (settings.preflight !== null) {
        const cwd = directoryOf(paths, build, settings)
        const { reason, isOfMachine } = await runCommand(settings.preflight, env, cwd, LIMITS.preflightMs, user, signal)
        if (reason !== null)
          return {
            kind: isOfMachine ? 'machine' : 'behaviour',
            reason: `its preflight failed: ${reason}`,
            isProbe: false,
          }
      }
      return await this.#ask(build)
    } catch (error) {
      return await failureOfBuild(error, 'its preflight could not be started', { paths, build })
    }
  }

  async #ask(build: Build): Promise<Failure | null> {
    const { settings, paths, preUpgrade } = this.#context
    if (!preUpgrade) return null
    const [file = ''] = resolveLaunch(paths, build, settings).argv
    try {
      await preUpgrade(file, build)
      return null
    } catch (error) {
      return behaviour(`preUpgrade turned it down: ${messageOf(error)}`)
    }
  }
}

function behaviour(reason: string): Failure {
  return { kind: 'behaviour', reason, isProbe: false }
}
