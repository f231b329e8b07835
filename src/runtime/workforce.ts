/**
 * All worker processes of this master. Carries out the core's `spawn`, `drain`, `kill` and `diagnose`, and takes the
 * workers of a killed master into its list. It owns the notify sockets.
 */

import type { Build } from '../core/build.ts'
import { presetOf } from '../core/presets.ts'
import type { Settings } from '../core/settings.ts'
import type { Effect, Input, State } from '../core/state.ts'
import type { StorePaths } from '../store/layout.ts'
import type { Listener } from '../system/listeners.ts'
import type { NotifyAddress, NotifyHub } from '../system/notify.ts'
import { programOf } from '../system/procfs.ts'
import { spawnChild } from '../system/spawn.ts'
import type { User } from '../system/user.ts'
import { type Doors, openDoors, probeSpecOf } from './doors.ts'
import { environmentFor, failureOf, type Launch, resolveLaunch } from './launch.ts'
import { presetListeners } from './preset-listeners.ts'
import { trackStranger } from './process.ts'
import { type WorkerContext, WorkerProcess } from './worker-process.ts'

export interface WorkforceContext {
  readonly settings: Settings
  readonly paths: StorePaths
  readonly listeners: readonly Listener[]
  readonly hub: NotifyHub
  readonly user: User | null
  readonly send: (input: Input) => void
}

type SpawnEffect = Extract<Effect, { type: 'spawn' }>

export class Workforce {
  readonly #context: WorkforceContext
  readonly #workers = new Map<number, WorkerProcess>()

  constructor(context: WorkforceContext) {
    this.#context = context
  }

  /** The main pids, for whoever must leave them alone. */
  get pids(): readonly number[] {
    return [...this.#workers.values()].map((worker) => worker.pid)
  }

  async spawn(effect: SpawnEffect): Promise<void> {
    const { settings, hub, user, send } = this.#context
    const { worker: id, build, generation } = effect
    let doors: Doors | null = null
    let address: NotifyAddress | null = null
    let heard: (text: string) => void = () => undefined
    try {
      const launch = resolveLaunch(this.#context.paths, build, settings)
      doors = openDoors(this.#context.listeners, probeSpecOf(settings.listen), settings.ready)
      address = hub.add(String(id), user, (text) => heard(text))
      const env = this.#environment(effect, doors, address, launch)
      const child = await spawnChild({
        argv: launch.argv,
        cwd: launch.cwd,
        env,
        descriptors: doors.descriptors,
        listenNames: doors.descriptors.length > 0 ? doors.names : null,
        pidVariables: settings.watchdogMs === null ? ['AUTOUP_PID'] : ['AUTOUP_PID', 'WATCHDOG_PID'],
        user,
      })
      doors.closeCopies()
      send({ type: 'spawned', worker: id, pid: child.pid })
      const watch = { pid: child.pid, doors, env, cwd: launch.cwd, user }
      const worker = new WorkerProcess(this.#workerContext(id, generation, build, launch), child, watch, address)
      heard = (text) => worker.hear(text)
      this.#workers.set(id, worker)
    } catch (error) {
      address?.close()
      doors?.closeCopies()
      doors?.release()
      send({ type: 'spawn-failed', worker: id, failure: failureOf(error, 'could not be started') })
    }
  }

  /** Takes a worker of a killed master into the list; false when it has ended meanwhile. */
  adopt(id: number, pid: number, build: Build): boolean {
    const process = trackStranger(pid)
    if (!process) return false
    // What runs, rather than what would be started today; of a script only the command tells.
    const launch = { preset: presetOf([programOf(pid) ?? '']) ?? presetOf(this.#context.settings.command) }
    this.#workers.set(id, new WorkerProcess(this.#workerContext(id, 0, build, launch), process, null, null))
    return true
  }

  drain(id: number): void {
    this.#workers.get(id)?.drain()
  }

  kill(id: number): void {
    this.#workers.get(id)?.kill()
  }

  diagnose(id: number): void {
    void this.#workers.get(id)?.diagnose()
  }

  /** Probes go on while a generation is on probation. */
  follow({ promotion }: State): void {
    for (const worker of this.#workers.values()) {
      worker.isOnProbation = promotion?.state === 'probation' && promotion.generation === worker.context.generation
    }
  }

  #workerContext(id: number, generation: number, build: Build, launch: Pick<Launch, 'preset'>): WorkerContext {
    const { settings, send } = this.#context
    return {
      id,
      generation,
      build,
      ready: settings.ready,
      readyTimeoutMs: settings.readyTimeoutMs,
      drainTimeoutMs: settings.drainTimeoutMs,
      drainSignal: settings.drainSignal ?? launch.preset?.drainSignal ?? 'SIGTERM',
      watchdogMs: settings.watchdogMs,
      send,
      others: () => [...this.#workers].filter(([other]) => other !== id).map(([, worker]) => worker.pid),
      onGone: () => this.#workers.delete(id),
    }
  }

  #environment(
    { build, generation }: SpawnEffect,
    doors: Doors,
    address: NotifyAddress,
    launch: Launch,
  ): Record<string, string> {
    const { settings, paths, user } = this.#context
    return {
      ...environmentFor({ settings, paths, build, generation, user }),
      NOTIFY_SOCKET: address.datagramPath,
      AUTOUP_NOTIFY: address.streamPath,
      ...(doors.ownPort === null ? {} : { AUTOUP_PORT: String(doors.ownPort) }),
      ...(settings.watchdogMs === null ? {} : { WATCHDOG_USEC: String(settings.watchdogMs * 1_000) }),
      ...(launch.preset?.environment(presetListeners(doors.listeners)) ?? {}),
    }
  }
}
