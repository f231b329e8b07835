/**
 * One worker's process from start to end: its sockets, its notify socket, its readiness, its death. It reports inputs
 * to the loop and carries out `drain` and `kill`. The master owns it; it ends when every process of it has ended.
 */

import { constants } from 'node:os'
import type { Build } from '../../core/build.ts'
import { messageOf } from '../../core/errors.ts'
import { parseNotification } from '../../core/notification.ts'
import type { Failure } from '../../core/promotion.ts'
import type { Ready } from '../../core/settings.ts'
import type { Input } from '../../core/state.ts'
import type { NotifyAddress } from '../../system/notify.ts'
import { ownerOf } from '../../system/procfs.ts'
import type { Exit } from '../../system/spawn.ts'
import { explainExit, explainNotReady } from './explain.ts'
import { Leftovers } from './leftovers.ts'
import { Lineage } from './lineage.ts'
import { keepProbing, type Probing } from './probing.ts'
import { describeExit, exitStatus, type TrackedProcess } from './process.ts'
import { isProbe, probeOnce, type ReadyWatch, type WatchContext, watchReady } from './readiness.ts'
import { Watchdog } from './watchdog.ts'

export interface WorkerContext {
  readonly id: number
  readonly generation: number
  readonly build: Build
  readonly ready: Ready
  readonly readyTimeoutMs: number
  readonly drainSignal: string
  readonly watchdogMs: number | null
  readonly send: (input: Input) => void
  /** The main pids of other workers, for explanations. */
  readonly others: () => readonly number[]
  /** Its sockets get to it whatever it asks for. */
  readonly findsSockets: () => boolean
  /** Nothing of it may go on beside its successor. */
  readonly isExclusive: () => boolean
  /** The worker has ended. */
  readonly onGone: () => void
  /** It has crashed, and others of its session go on. */
  readonly onLeftovers: (kill: () => void) => void
}

export class WorkerProcess {
  readonly context: WorkerContext
  readonly #lineage: Lineage
  #watch: WatchContext | null
  readonly #notify: NotifyAddress | null
  readonly #startedAt: number = performance.now()
  #readiness: ReadyWatch | null = null
  #isReady: boolean
  #isDraining = false
  /** It ends by itself, as it has said. */
  #isStopping = false
  #isKilled = false
  #probing: Probing | null = null
  readonly #watchdog: Watchdog
  /** Why its watchdog ended it. */
  #missedBeat: string | null = null

  /** `watch` is null for an orphan, which has shown what it can before. */
  constructor(
    context: WorkerContext,
    process: TrackedProcess,
    watch: WatchContext | null,
    notify: NotifyAddress | null,
  ) {
    this.context = context
    this.#watch = watch
    this.#notify = notify
    this.#isReady = watch === null
    this.#watchdog = new Watchdog(context.watchdogMs, (why) => this.#endBeat(why))
    this.#lineage = new Lineage(process, {
      ...{ id: context.id, drainSignal: context.drainSignal, others: context.others },
      notifyPath: notify?.datagramPath ?? null,
      hearLast: () => notify?.read(),
      onMoved: (from, to) => this.#onMoved(from, to),
      onOver: (exit) => this.#onOver(exit),
    })
    if (watch) this.#readiness = watchReady(context.ready, watch, (how) => this.#onReady(how))
  }

  get pid(): number {
    return this.#lineage.pid
  }

  /** Asks it to finish. */
  drain(): void {
    this.#isDraining = true
    this.#stopWatching()
    this.#lineage.drain({ isAsked: !this.#isStopping })
  }

  /** Ends it and everything it has started. */
  kill(): void {
    this.#isKilled = true
    this.#isDraining = true
    this.#stopWatching()
    this.#lineage.kill()
  }

  /** Not ready in time: says why. */
  async diagnose(): Promise<void> {
    const watch = this.#watch
    if (!watch || this.#isReady) return
    const { ready, readyTimeoutMs: timeoutMs } = this.context
    let kind: Failure['kind'] = 'behaviour'
    const lastProbe = await this.#ask().catch((error: unknown) => {
      // Whoever cannot be asked has not failed.
      kind = 'machine'
      return messageOf(error)
    })
    if (this.#isReady || this.#isDraining) return
    const reason = explainNotReady(ready, { pid: this.pid, doors: watch.doors, timeoutMs, lastProbe })
    this.#fail({ kind, reason, isProbe: isProbe(ready) })
  }

  /** While on probation a probe is asked again and again. */
  set isOnProbation(is: boolean) {
    const { ready } = this.context
    if (is === (this.#probing !== null) || !isProbe(ready) || !this.#watch) return
    this.#probing?.stop()
    this.#probing = is
      ? keepProbing(
          () => this.#ask(),
          (reason) => this.#onBadProbe(reason),
        )
      : null
  }

  /** A message on its notify socket. */
  hear(text: string): void {
    const { id: worker, send } = this.context
    for (const said of parseNotification(text)) {
      // MAINPID= changes it for the lines that follow.
      const { pid } = this
      if (said.kind === 'ready') this.#readiness?.notified()
      else if (said.kind === 'status') send({ type: 'worker-said', worker, pid, status: said.text })
      else if (said.kind === 'extend-timeout') send({ type: 'worker-asks-time', worker, pid, ms: said.ms })
      else if (said.kind === 'main-pid') this.#lineage.moveTo(said.pid)
      else if (said.kind === 'stopping') this.#onStopping()
      else if (said.kind === 'watchdog') this.#onBeat()
      else if (said.kind === 'watchdog-trigger') this.#endBeat('asked to be ended with WATCHDOG=trigger')
    }
  }

  #onReady(how: string): void {
    this.#isReady = true
    this.#watch?.doors.release()
    // It may have changed it by itself, as whoever is started as root does when he has what is root's alone.
    const user = ownerOf(this.pid)
    if (user) this.#notify?.noteUser(user)
    this.context.send({ type: 'worker-ready', worker: this.context.id, pid: this.pid, how })
    this.#onBeat()
  }

  /** Whoever says so has stopped accepting: from here on it is no worker to rely on. */
  #onStopping(): void {
    if (this.#isStopping || this.#isDraining) return
    this.#isStopping = true
    this.#fail({ kind: 'behaviour', reason: 'it says that it is stopping (STOPPING=1)', isProbe: false })
  }

  #onBeat(): void {
    if (this.#isReady && !this.#isDraining) this.#watchdog.beat()
  }

  #endBeat(why: string): void {
    if (this.#isDraining) return
    this.#missedBeat = why
    this.#stopWatching()
    this.#lineage.kill()
  }

  /** Of whatever process it goes on in. */
  async #ask(): Promise<string | null> {
    return this.#watch === null ? null : await probeOnce(this.context.ready, this.#watch)
  }

  #onBadProbe(reason: string): void {
    this.#fail({ kind: 'behaviour', reason: `its probe failed in probation: it ${reason}`, isProbe: true })
  }

  #fail(failure: Failure): void {
    this.context.send({ type: 'worker-failed', worker: this.context.id, pid: this.pid, failure })
  }

  /** It goes on in another process. */
  #onMoved(from: number, to: number): void {
    this.context.send({ type: 'worker-moved', worker: this.context.id, pid: from, to })
    if (!this.#watch) return
    this.#watch = { ...this.#watch, pid: to }
    if (this.#isReady || this.#isDraining) return
    this.#readiness?.stop()
    this.#readiness = watchReady(this.context.ready, this.#watch, (how) => this.#onReady(how))
  }

  #onOver(exit: Exit): void {
    const { drainSignal, isExclusive, onGone, onLeftovers } = this.context
    this.#stopWatching()
    this.#notify?.close()
    this.#watch?.doors.release()
    const mustEnd = !this.#isDraining && isExclusive()
    const leftovers = new Leftovers(() => this.#lineage.left(), mustEnd ? 'SIGKILL' : drainSignal)
    const over = (): void => {
      this.#send(exit)
      onGone()
    }
    if (leftovers.look()) return over()
    // A wrapper that ended at the drain signal leaves the server itself: that has the rest of the time to finish.
    // After a crash its place is free at once, and what it left behind ends on its own time; under `exclusive` its
    // place is free when that has ended, so it ends now.
    if (mustEnd) this.#lineage.kill()
    if (mustEnd || this.#isDraining) return void leftovers.gone.then(over)
    over()
    onLeftovers(() => this.#lineage.kill())
  }

  #send(exit: Exit): void {
    const { id: worker, send, others, findsSockets } = this.context
    const afterMs = performance.now() - this.#startedAt
    const isStranger = exit.signal === 'SIGKILL' && !this.#isKilled && this.#missedBeat === null
    const reason =
      this.#missedBeat ??
      (this.#isDraining
        ? describeExit(exit)
        : explainExit(exit, {
            wasReady: this.#isReady,
            afterMs,
            doors: this.#watch?.doors ?? null,
            others: others(),
            findsSockets: findsSockets(),
          }))
    const failure: Failure = { kind: isStranger ? 'machine' : 'behaviour', reason, isProbe: false }
    send({
      type: 'worker-exited',
      worker,
      pid: this.pid,
      how: describeExit(exit),
      status: exitStatus(exit, constants.signals),
      failure,
    })
  }

  #stopWatching(): void {
    this.#readiness?.stop()
    this.#probing?.stop()
    this.#probing = null
    this.#watchdog.stop()
  }
}
