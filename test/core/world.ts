/**
 * A small world around the supervisor: it answers `spawn` and `save` as the runtime does, keeps what was recorded,
 * and lets a test say what happens to workers and releases. Time moves only when told.
 */

import { type Build, COMMAND } from '../../src/core/build.ts'
import { EMPTY_LEDGER, type Ledger } from '../../src/core/ledger.ts'
import type { Failure } from '../../src/core/promotion.ts'
import type { BootInput, Effect, Input, Policy, State } from '../../src/core/state.ts'
import { newState, step, wakeAt } from '../../src/core/supervisor.ts'
import type { Worker } from '../../src/core/workers.ts'

export const POLICY: Policy = {
  source: 'file:/app',
  strategy: 'blue-green',
  intervalMs: 1_000,
  readyTimeoutMs: 30_000,
  drainTimeoutMs: 30_000,
  probationMs: 10_000,
  hasPreflight: false,
  hasBeforeHook: false,
  isEmbedded: false,
  promotes: 'always',
  respawn: true,
  waitsForChange: false,
  launch: 'launch-1',
  look: 'look-1',
}

export function build(version: string): Build {
  return {
    id: `sha256-${version}`,
    version,
    stagedAt: '2026-01-01T00:00:00Z',
    committedAt: null,
    proofs: ['local-file'],
  }
}

/** Nothing was left behind, and all is on the disk. */
export const BOOT: BootInput = { type: 'boot', orphans: [], isRecorded: true, stop: null }

export const behaviour = (reason = 'exited with 1'): Failure => ({ kind: 'behaviour', reason, isProbe: false })
export const machine = (reason = 'EAGAIN'): Failure => ({ kind: 'machine', reason, isProbe: false })

export class World {
  state: State
  now = 0
  /** What the disk holds: what a new master would read. */
  disk: Ledger
  /** All effects since the last `clear`. */
  effects: Effect[] = []
  /** Makes every write fail with this error. */
  diskError: string | null = null
  #pid = 1_000
  /** Called before and after each step. */
  observe: (before: State, input: Input, after: State, effects: readonly Effect[]) => void = () => {}

  constructor(policy: Partial<Policy> = {}, ledger: Ledger = EMPTY_LEDGER, instances = 1) {
    this.disk = ledger
    this.state = newState({ ...POLICY, ...policy }, ledger, instances)
  }

  send(input: Input): readonly Effect[] {
    const before = this.state
    const iso = new Date(1_767_225_600_000 + this.now).toISOString()
    const { state, effects } = step(before, input, { ms: this.now, iso })
    this.state = state
    this.effects.push(...effects)
    this.observe(before, input, state, effects)
    for (const effect of effects) {
      if (effect.type === 'spawn') this.send({ type: 'spawned', worker: effect.worker, pid: ++this.#pid })
      if (effect.type === 'save') {
        if (this.diskError === null) this.disk = effect.ledger
        this.send({ type: 'saved', purpose: effect.purpose, error: this.diskError })
      }
    }
    return effects
  }

  boot(): void {
    this.send({ ...BOOT })
  }

  /** Lets time pass, stopping at every moment at which something is due. */
  pass(ms: number): void {
    const until = this.now + ms
    for (let wake = wakeAt(this.state, this.now), rounds = 0; wake <= until; wake = wakeAt(this.state, this.now)) {
      this.now = Math.max(this.now, wake)
      this.send({ type: 'tick' })
      // The runtime would spin: a tick must always move on what it was due for.
      if (++rounds > 1_000) throw new Error('ticks that change nothing')
    }
    this.now = until
    this.send({ type: 'tick' })
  }

  /** A release is found, fetched and staged; the check that finds it is asked for if none is under way. */
  publish(target: Build, ask: 'plain' | 'again' | null = null): void {
    if (ask) this.send({ type: 'upgrade', again: ask === 'again' })
    else if (this.state.pipeline?.state === 'idle') this.pass(Math.max(0, this.state.pipeline.nextCheckAt - this.now))
    this.send({ type: 'stager', report: { type: 'found', version: target.version, name: 'app' } })
    this.send({ type: 'stager', report: { type: 'fetched' } })
    this.send({ type: 'stager', report: { type: 'staged', build: target, known: target.id } })
  }

  of(generation: number): Worker[] {
    return this.state.workers.filter((worker) => worker.generation === generation)
  }

  ready(worker: Worker | undefined = this.newest('starting')): void {
    if (!worker?.pid) throw new Error('no such worker')
    this.send({ type: 'worker-ready', worker: worker.id, pid: worker.pid, how: 'test' })
  }

  allReady(): void {
    for (let worker = this.newest('starting'); worker; worker = this.newest('starting')) this.ready(worker)
  }

  exit(worker: Worker | undefined, failure: Failure = behaviour(), status = 1): void {
    if (!worker?.pid) throw new Error('no such worker')
    this.send({ type: 'worker-exited', worker: worker.id, pid: worker.pid, how: failure.reason, status, failure })
  }

  /** The preflight of the promotion that is under way ends. */
  preflight(failure: Failure | null): void {
    this.send({ type: 'preflight', generation: this.state.promotion?.generation ?? 0, failure })
  }

  /** So does the operator's command. */
  beforeHook(failure: Failure | null): void {
    this.send({ type: 'before-hook', generation: this.state.promotion?.generation ?? 0, failure })
  }

  /** Every draining worker finishes. */
  drained(): void {
    for (const worker of this.state.workers) if (worker.state.kind === 'draining' && worker.pid) this.exit(worker)
  }

  newest(kind: Worker['state']['kind']): Worker | undefined {
    return this.state.workers.filter((worker) => worker.state.kind === kind).at(-1)
  }

  /** A master that serves this version, committed. */
  static serving(version: string, policy: Partial<Policy> = {}, instances = 1): World {
    const world = new World(policy, { ...EMPTY_LEDGER, committed: build(version) }, instances)
    world.boot()
    world.send({ type: 'stager', report: { type: 'unchanged', known: null } })
    world.allReady()
    world.effects = []
    return world
  }

  static command(policy: Partial<Policy> = {}, instances = 1): World {
    const world = new World({ source: null, ...policy }, EMPTY_LEDGER, instances)
    world.boot()
    world.allReady()
    world.effects = []
    return world
  }

  settled(): Effect[] {
    return this.effects.filter((effect) => effect.type === 'settle')
  }

  did(type: Effect['type']): Effect[] {
    return this.effects.filter((effect) => effect.type === type)
  }
}

export { COMMAND }
