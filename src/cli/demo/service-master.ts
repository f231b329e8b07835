/** The demo's master: `autoup run` as anybody would start it, its events read from its log. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { AutoupError } from '../../core/errors.ts'
import type { Stamped } from '../../core/events.ts'

type OfType<T extends Stamped['type']> = Extract<Stamped, { type: T }>

const PATIENCE_MS = 30_000

export class ServiceMaster {
  readonly #child: ChildProcess
  readonly #events: Stamped[] = []
  readonly #waiting = new Set<() => void>()
  /** Events before this one have been waited for. */
  #seen = 0

  constructor(args: readonly string[]) {
    const program = process.argv[1] as string
    this.#child = spawn(process.execPath, [program, 'run', '--log-format', 'json', ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    })
    if (!this.#child.stderr) throw new Error('stderr is a pipe')
    createInterface({ input: this.#child.stderr }).on('line', (line) => {
      // A crashing worker writes its stack here as well, and may not have ended its line.
      const begin = line.indexOf('{"at":"')
      if (begin < 0) return
      this.#events.push(JSON.parse(line.slice(begin)) as Stamped)
      for (const look of this.#waiting) look()
    })
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** The next event of this type that `matches`. Throws when the master ends before it comes. */
  async next<T extends Stamped['type']>(
    type: T,
    matches: (event: OfType<T>) => boolean = () => true,
  ): Promise<OfType<T>> {
    return await new Promise((resolve, reject) => {
      const over = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(look)
        this.#child.off('close', ended)
      }
      const fail = (code: 'timed-out' | 'failed', message: string): void => {
        over()
        reject(new AutoupError(code, `${message}: please report it`))
      }
      const ended = (): void => fail('failed', `the demo's master ended before '${type}'`)
      this.#child.once('close', ended)
      const timer = setTimeout(
        () => fail('timed-out', `the demo waited ${PATIENCE_MS / 1_000} s for '${type}'`),
        PATIENCE_MS,
      )
      const look = (): void => {
        for (; this.#seen < this.#events.length; this.#seen++) {
          const event = this.#events[this.#seen] as Stamped
          if (event.type !== type || !matches(event as OfType<T>)) continue
          this.#seen++
          over()
          return resolve(event as OfType<T>)
        }
      }
      this.#waiting.add(look)
      look()
    })
  }

  /** Kills the master alone. */
  async kill9(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#gone()
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#gone()
  }

  async #gone(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
  }
}
