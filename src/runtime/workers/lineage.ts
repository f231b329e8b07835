/**
 * The processes that one worker has been, one after the other: the one that was started, and those it went on in
 * (MAINPID=, or by forking itself away). What is asked of the worker is asked of the one that it is now; what ends it
 * ends all that any of them has started. Over when that one has ended and has named no other.
 */

import { killUntilNone, sessionMembers } from '../../system/kill-session.ts'
import type { Exit } from '../../system/spawn.ts'
import { markedBy } from '../master-mark.ts'
import { findDaemon, isOfWorker } from './daemonized.ts'
import { type TrackedProcess, trackStranger } from './process.ts'

export interface LineageContext {
  /** The worker's number. */
  readonly id: number
  readonly drainSignal: string
  /** Its notify socket, or null. */
  readonly notifyPath: string | null
  /** Takes in what it has said last. */
  readonly hearLast: () => void
  /** The main pids of other workers. */
  readonly others: () => readonly number[]
  readonly onMoved: (from: number, to: number) => void
  readonly onOver: (exit: Exit) => void
}

export class Lineage {
  readonly #context: LineageContext
  #now: TrackedProcess
  readonly #all = new Set<TrackedProcess>()
  #isDraining = false
  #isKilled = false

  constructor(first: TrackedProcess, context: LineageContext) {
    this.#context = context
    this.#now = first
    this.#follow(first)
  }

  get pid(): number {
    return this.#now.pid
  }

  /** Asks it to finish. Who stops already is not asked: a second signal means to many that it is to be at once. */
  drain({ isAsked }: { readonly isAsked: boolean }): void {
    this.#isDraining = true
    if (isAsked) this.#now.signal(this.#context.drainSignal)
  }

  /** It, what is left in the sessions of all that it has been, and what went into sessions of its own. */
  kill(): void {
    this.#isKilled = true
    for (const process of this.#all) process.killGroup()
    killUntilNone(() => markedBy(this.#context.id))
  }

  /** MAINPID=. */
  moveTo(pid: number): void {
    const own = [...this.#all].map((process) => process.pid)
    if (pid === this.pid || !isOfWorker(pid, own, this.#context.others())) return
    const next = trackStranger(pid)
    if (next) this.#goOnAs(next)
  }

  /** The pids of what it has started, and what those have. */
  left(): readonly number[] {
    const sessions = [...this.#all].map((process) => process.session ?? process)
    const members = sessions.flatMap(({ pid, startTicks }) => sessionMembers(pid, startTicks))
    return [...new Set([...members, ...markedBy(this.#context.id)])]
  }

  #goOnAs(next: TrackedProcess): void {
    const { pid: from } = this
    this.#now = next
    this.#context.onMoved(from, next.pid)
    this.#follow(next)
    // It has not heard of it yet.
    if (this.#isKilled) next.killGroup()
    else if (this.#isDraining) next.signal(this.#context.drainSignal)
  }

  #follow(process: TrackedProcess): void {
    // It may have named this one before.
    if (this.#all.has(process)) return
    this.#all.add(process)
    void process.exited.then((exit) => {
      // Its last words may say where it went on.
      this.#context.hearLast()
      if (this.#now === process) void this.#onExit(process, exit)
    })
  }

  async #onExit(former: TrackedProcess, exit: Exit): Promise<void> {
    const { notifyPath, onOver } = this.#context
    if (exit.code === 0 && !this.#isDraining && !this.#isKilled && notifyPath !== null) {
      const daemon = await findDaemon(notifyPath, former.pid)
      // It has named another one meanwhile.
      if (this.#now !== former) return
      if (daemon) return this.#goOnAs(daemon)
    }
    onOver(exit)
  }
}
