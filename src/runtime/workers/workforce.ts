/**
 * All worker processes of this master. Carries out the core's `spawn`, `drain`, `kill` and `diagnose`, and takes the
 * workers of a killed master into its list. It owns the notify sockets.
 */

import type { Build } from '../../core/build.ts'
import { AutoupError, messageOf } from '../../core/errors.ts'
import type { Settings } from '../../core/settings.ts'
import type { Effect, Input, State } from '../../core/state.ts'
import { ORPHANS } from '../../core/workers.ts'
import type { StorePaths } from '../../store/layout.ts'
import { type AwakeTimer, afterAwake } from '../../system/awake.ts'
import type { Listener } from '../../system/listeners.ts'
import type { NotifyAddress, NotifyHub } from '../../system/notify.ts'
import { spawnChild } from '../../system/spawn.ts'
import type { User } from '../../system/user.ts'
import { workerMark } from '../master-mark.ts'
import { type Doors, openDoors, probeSpecOf } from './doors.ts'
import { drainSignalOf, environmentFor, failureOfBuild, type Launch, launchOfOrphan, resolveLaunch } from './launch.ts'
import type { Orphan } from './orphans.ts'
import { presentPreload, withPreload } from './preload.ts'
import { presetListeners } from './preset-listeners.ts'
import { trackStranger } from './process.ts'
import { runsNode } from './runs-node.ts'
import { type WorkerContext, WorkerProcess } from './worker-process.ts'

export interface WorkforceContext {
  readonly settings: Settings
  readonly paths: StorePaths
  readonly listeners: readonly Listener[]
  readonly hub: NotifyHub
  readonly user: User | null
  /** What Node workers load first, or null. */
  readonly preload: string | null
  readonly send: (input: Input) => void
}

type SpawnEffect = Extract<Effect, { type: 'spawn' }>

export class Workforce {
  readonly #context: WorkforceContext
  readonly #workers = new Map<number, WorkerProcess>()
  /** What crashed workers have left behind, which has a drain timeout to finish. */
  readonly #leftovers = new Map<() => void, AwakeTimer>()

  constructor(context: WorkforceContext) {
    this.#context = context
  }

  async spawn(effect: SpawnEffect): Promise<void> {
    const { send, paths } = this.#context
    const { worker: id } = effect
    try {
      const worker = await this.#start(effect)
      // First, for the answer to 'spawned' may be that it is to go.
      this.#workers.set(id, worker)
      send({ type: 'spawned', worker: id, pid: worker.pid })
    } catch (error) {
      const failure = await failureOfBuild(error, 'could not be started', { paths, build: effect.build })
      send({ type: 'spawn-failed', worker: id, failure })
    }
  }

  async #start(effect: SpawnEffect): Promise<WorkerProcess> {
    const { settings, paths, listeners, hub, user } = this.#context
    const { worker: id, build, generation } = effect
    const launch = resolveLaunch(paths, build, settings)
    const doors = openDoors(listeners, probeSpecOf(settings.listen), settings.ready)
    let address: NotifyAddress | null = null
    let heard: (text: string) => void = () => undefined
    try {
      address = voiceFor(hub, id, user, (text) => heard(text))
      const env = this.#environment(effect, doors)
      const child = await spawnChild({
        argv: launch.argv,
        cwd: launch.cwd,
        env: { ...env, ...workerMark(id), ...this.#ownEnvironment(env, doors, address, launch) },
        descriptors: doors.descriptors,
        listenNames: doors.descriptors.length > 0 ? doors.names : null,
        pidVariables: settings.watchdogMs === null ? ['AUTOUP_PID'] : ['AUTOUP_PID', 'WATCHDOG_PID'],
        user,
      })
      const watch = { pid: child.pid, doors, env, cwd: launch.cwd, user }
      const worker = new WorkerProcess(this.#workerContext(id, generation, build, launch), child, watch, address)
      heard = (text) => worker.hear(text)
      return worker
    } catch (error) {
      address?.close()
      doors.release()
      throw error
    } finally {
      doors.closeCopies()
    }
  }

  /** Takes the workers of a killed master into the list, before all others: the core numbers them from 1, as here. */
  adopt(orphans: readonly Orphan[]): readonly Orphan[] {
    return orphans.filter(({ pid, build }) => {
      const process = trackStranger(pid)
      // It has ended meanwhile.
      if (!process) return false
      const id = this.#workers.size + 1
      const launch = launchOfOrphan(pid, this.#context.settings)
      this.#workers.set(id, new WorkerProcess(this.#workerContext(id, ORPHANS, build, launch), process, null, null))
      return true
    })
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

  /** Nothing that was started here goes on. */
  end(): void {
    for (const [kill, timer] of this.#leftovers) {
      timer.stop()
      kill()
    }
  }

  #endLater(kill: () => void): void {
    const late = (): void => {
      this.#leftovers.delete(kill)
      kill()
    }
    this.#leftovers.set(kill, afterAwake(this.#context.settings.drainTimeoutMs, late))
  }

  #workerContext(
    id: number,
    generation: number,
    build: Build,
    launch: Pick<Launch, 'preset'> & Partial<Launch>,
  ): WorkerContext {
    const { settings, preload, send } = this.#context
    const { argv = [] } = launch
    return {
      id,
      generation,
      build,
      ready: settings.ready,
      readyTimeoutMs: settings.readyTimeoutMs,
      drainSignal: drainSignalOf(settings, launch),
      watchdogMs: settings.watchdogMs,
      send,
      isExclusive: () => this.#context.settings.strategy === 'exclusive',
      findsSockets: () => settings.embedded !== null || (preload !== null && runsNode(argv)),
      others: () => [...this.#workers].filter(([other]) => other !== id).map(([, worker]) => worker.pid),
      onGone: () => this.#workers.delete(id),
      onLeftovers: (kill) => this.#endLater(kill),
    }
  }

  /** Of the worker and of those who ask after it. */
  #environment({ build, generation }: SpawnEffect, { ownPort }: Doors): Record<string, string> {
    const { settings, paths, user } = this.#context
    const common = environmentFor({ settings, paths, build, generation, user })
    return ownPort === null ? common : { ...common, AUTOUP_PORT: String(ownPort) }
  }

  /** Of the worker alone: nobody else speaks in its name. */
  #ownEnvironment(
    env: Readonly<Record<string, string>>,
    doors: Doors,
    address: NotifyAddress,
    launch: Launch,
  ): Record<string, string> {
    const { settings, paths, preload } = this.#context
    const { watchdogMs, drainTimeoutMs, ready } = settings
    return {
      NOTIFY_SOCKET: address.datagramPath,
      AUTOUP_NOTIFY: address.streamPath,
      AUTOUP_READY: ready.kind,
      AUTOUP_DRAIN_SIGNAL: drainSignalOf(settings, launch),
      AUTOUP_DRAIN_TIMEOUT_USEC: String(drainTimeoutMs * 1_000),
      ...(preload === null ? {} : { NODE_OPTIONS: withPreload(env.NODE_OPTIONS, presentPreload(preload, paths)) }),
      ...(watchdogMs === null ? {} : { WATCHDOG_USEC: String(watchdogMs * 1_000) }),
      ...(launch.preset?.environment(presetListeners(doors.listeners)) ?? {}),
    }
  }
}

/** Nothing of the build has been touched yet, so a failure is none of the build's. */
function voiceFor(hub: NotifyHub, id: number, user: User | null, onMessage: (text: string) => void): NotifyAddress {
  try {
    return hub.add(String(id), user, onMessage)
  } catch (cause) {
    const message = `cannot make the sockets on which a worker speaks: ${messageOf(cause)}`
    throw new AutoupError('config', message, { cause })
  }
}
