/**
 * The operator's own commands: `--before-promote` is asked before a staged build is started, `--after-commit` and
 * `--after-rollback` are told what came of it. Each gets the event as JSON on its stdin and in its environment, no
 * socket, and a deadline. They run one after the other, so that none sees a later event before an earlier one. What
 * a command before says, counts; what one after does wrong is only reported.
 */

import type { AutoupEvent, Hook, Stamped } from '../core/events.ts'
import type { Failure } from '../core/promotion.ts'
import type { Settings } from '../core/settings.ts'
import type { Effect, Input, State } from '../core/state.ts'
import type { StorePaths } from '../store/layout.ts'
import { type CommandEnd, runCommand } from '../system/probe.ts'
import type { User } from '../system/user.ts'
import { environmentFor, failureOf } from './workers/launch.ts'

export interface HooksContext {
  readonly settings: Settings
  readonly paths: StorePaths
  readonly user: User | null
  readonly send: (input: Input) => void
  readonly emit: (event: AutoupEvent) => void
}

type Of<T extends AutoupEvent['type']> = Extract<Stamped, { readonly type: T }>

type Told = Of<'promotion-started' | 'build-committed' | 'promotion-failed'>

/** What a command is told. */
interface About {
  readonly event: Told
  readonly generation: number
}

export class Hooks {
  readonly #context: HooksContext
  /** What is promoted now, or was last. */
  #started: Of<'promotion-started'> | null = null
  #asked: { readonly generation: number; readonly abort: AbortController } | null = null
  #last: Promise<unknown> = Promise.resolve()
  /** The master's final stop. */
  readonly #over = new AbortController()

  constructor(context: HooksContext) {
    this.#context = context
  }

  /** Everything that is said. */
  note(event: Stamped): void {
    if (event.type === 'promotion-started') this.#started = event
    const { afterCommit, afterRollback } = this.#context.settings
    if (event.type !== 'build-committed' && event.type !== 'promotion-failed') return
    const hook = hookAfter(event)
    const command = hook === 'after-commit' ? afterCommit : afterRollback
    if (hook === null || command === null) return
    // By its turn the next promotion may have started.
    const generation = this.#started?.generation ?? 0
    void this.#inTurn(async () => {
      await this.#run(hook, command, { event, generation }, this.#over.signal)
    })
  }

  /** Answers with an input. */
  async before({ generation }: Extract<Effect, { type: 'before-hook' }>): Promise<void> {
    const abort = new AbortController()
    this.#asked = { generation, abort }
    const failure = await this.#inTurn(() => this.#ask(abort.signal))
    this.#context.send({ type: 'before-hook', generation, failure })
  }

  /** Ends the one that nobody waits for. */
  follow({ promotion }: Pick<State, 'promotion'>): void {
    if (promotion?.state === 'before-hook' && promotion.generation === this.#asked?.generation) return
    this.#asked?.abort.abort()
    this.#asked = null
  }

  /** Whatever still runs has had its time. */
  end(): void {
    this.#asked?.abort.abort()
    this.#over.abort()
  }

  async idle(): Promise<void> {
    await this.#last
  }

  async #ask(signal: AbortSignal): Promise<Failure | null> {
    const command = this.#context.settings.beforePromote
    if (command === null || this.#started === null) return null
    const { reason, isOfMachine } = await this.#run(
      'before-promote',
      command,
      { event: this.#started, generation: this.#started.generation },
      signal,
    )
    if (reason === null) return null
    return { kind: isOfMachine ? 'machine' : 'behaviour', reason: `before-promote: ${reason}`, isProbe: false }
  }

  /** Says what it did wrong. */
  async #run(hook: Hook, command: string, about: About, signal: AbortSignal): Promise<CommandEnd> {
    const { emit } = this.#context
    const { build, version } = about.event
    if (!signal.aborted) emit({ type: 'hook-started', hook, build, version })
    const end = await this.#end(hook, command, about, signal)
    const { reason, output } = end
    const isCalledOff = hook === 'before-promote' && signal.aborted
    if (reason !== null && !isCalledOff) emit({ type: 'hook-failed', hook, reason, output, build, version })
    return end
  }

  async #end(hook: Hook, command: string, about: About, signal: AbortSignal): Promise<CommandEnd> {
    if (signal.aborted) return { reason: `'${command}' was not run: its time was over`, isOfMachine: false, output: [] }
    const { settings, user } = this.#context
    try {
      const more = { input: `${JSON.stringify(about.event)}\n`, stdout: 'pipe' } as const
      const env = this.#environment(hook, about)
      return await runCommand(command, env, settings.directory, settings.hookTimeoutMs, user, signal, more)
    } catch (error) {
      const { reason, kind } = failureOf(error, `'${command}' could not be started`)
      return { reason, isOfMachine: kind === 'machine', output: [] }
    }
  }

  #environment(hook: Hook, { event, generation }: About): Record<string, string> {
    const { settings, paths, user } = this.#context
    const build = { id: event.build, version: event.version }
    return {
      ...environmentFor({ settings, paths, build, generation, user }),
      AUTOUP_HOOK: hook,
      AUTOUP_EVENT: event.type,
      AUTOUP_PURPOSE: event.purpose,
      ...('reason' in event ? { AUTOUP_REASON: event.reason } : {}),
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work)
    this.#last = mine
    return mine
  }
}

/** An upgrade ends in one of the two; a rollback by hand, when it has succeeded, is a rollback. */
function hookAfter({ type, purpose }: Of<'build-committed' | 'promotion-failed'>): Hook | null {
  if (purpose === 'upgrade') return type === 'build-committed' ? 'after-commit' : 'after-rollback'
  return purpose === 'rollback' && type === 'build-committed' ? 'after-rollback' : null
}
