/**
 * What a worker's main process leaves behind: a server behind a shell that ended first, the children of one that
 * crashed, and helpers that began a session of their own. They are asked to finish as the worker would be, and watched
 * in /proc until they are gone.
 */

const LOOK_EVERY_MS = 50

export class Leftovers {
  readonly #find: () => readonly number[]
  readonly #drainSignal: string
  readonly #asked = new Set<number>()

  /** `find`: the pids that are left. */
  constructor(find: () => readonly number[], drainSignal: string) {
    this.#find = find
    this.#drainSignal = drainSignal
  }

  /** Asks those to finish that it has not met before; true when none is left. */
  look(): boolean {
    const left = this.#find()
    for (const pid of left) if (!this.#asked.has(pid)) this.#ask(pid)
    return left.length === 0
  }

  /** Settles when none is left; whoever waits sees to it that they are killed at some time. */
  get gone(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        if (!this.look()) return
        clearInterval(timer)
        resolve()
      }, LOOK_EVERY_MS)
    })
  }

  #ask(pid: number): void {
    this.#asked.add(pid)
    try {
      process.kill(pid, this.#drainSignal)
    } catch {
      // Gone meanwhile.
    }
  }
}
