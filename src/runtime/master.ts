/**
 * The master: it joins the pure supervisor to the world. Inputs come from workers, the stager, signals, the control
 * socket and the clock; effects go to the part that carries them out. It lives until the core says `exit`.
 */

import { setImmediate as turn } from 'node:timers/promises'
import { fetcherFor } from '../../fetchers/index.ts'
import type { AutoupEvent, Stamped } from '../core/events.ts'
import type { Settings } from '../core/settings.ts'
import { shownSource } from '../core/source.ts'
import type { Input, State } from '../core/state.ts'
import { newState } from '../core/supervisor.ts'
import type { StorePaths } from '../store/layout.ts'
import { discard } from '../system/discard.ts'
import { closeListener } from '../system/listeners.ts'
import { NotifyHub } from '../system/notify.ts'
import { startReaper } from '../system/reaper.ts'
import { type Booted, boot, recordOf } from './boot.ts'
import { Checks } from './checks.ts'
import { controlHandlers } from './control/handlers.ts'
import { openControl } from './control/open.ts'
import { Requests } from './control/requests.ts'
import { carryOut } from './effects.ts'
import { EventLog } from './event-log.ts'
import { History } from './history.ts'
import { Hooks } from './hooks.ts'
import type { Live } from './live.ts'
import { Looks } from './looks.ts'
import { Loop } from './loop.ts'
import { openPage } from './page/page.ts'
import type { Presenters } from './page/presenters.ts'
import { environmentOf, policyOf } from './policy.ts'
import { Reload, type ReloadHost } from './reload.ts'
import { handleSignals } from './signals.ts'
import { StagerJobs } from './stager/jobs.ts'
import { sourceIntervalMs } from './stager/token.ts'
import { StoreWriter } from './store-writer.ts'
import type { Voice } from './systemd-voice.ts'
import { tendListeners } from './tending.ts'
import { Preflight, type PreUpgrade } from './workers/preflight.ts'
import { preloadFor } from './workers/preload.ts'
import { noteReaped } from './workers/process.ts'
import { renewRuntimeDirectory } from './workers/runtime-directory.ts'
import { Workforce } from './workers/workforce.ts'

/** Whoever sees files change; what it saw before it was connected, it says then. */
export interface Watch {
  readonly directory: string
  connect(to: WatchListener): void
}

export interface WatchListener {
  /** The first few, relative to the directory. */
  changed(paths: readonly string[], count: number): void
  warn(message: string): void
}

export interface MasterOptions {
  readonly preUpgrade?: PreUpgrade | undefined
  /** What went wrong before there was anybody to tell. */
  readonly warnings?: readonly string[]
  /** Gets how to tell what goes wrong later on. */
  readonly connect?: ((warn: (message: string) => void) => void) | undefined
  /** Where a reload reads the settings; without one nothing ever changes. */
  readonly host?: ReloadHost
  /** The tree that `autoup dev` follows. */
  readonly watch?: Watch
}

/** Runs until it is stopped; the exit status. Throws AutoupError when it cannot start. */
export async function runMaster(
  settings: Settings,
  report: (event: Stamped) => void,
  presenters: Presenters,
  {
    preUpgrade,
    warnings = [],
    connect,
    watch,
    host = { load: async () => settings, applied: () => undefined },
  }: MasterOptions = {},
): Promise<number> {
  const log = new EventLog()
  const history = new History()
  log.subscribe(0, report)
  log.subscribe(0, (event) => history.note(event))
  const warn = (message: string): void => log.emit({ type: 'warning', message })
  for (const message of warnings) warn(message)
  connect?.(warn)
  const source = settings.source === null ? null : await fetcherFor(settings.source)
  const policy = policyOf(settings, source === null ? null : sourceIntervalMs(source.fetcher, settings))
  const signals = handleSignals(settings.embedded ?? undefined)
  let voice: Voice | null = null
  let booted: Booted | null = null
  let hub: NotifyHub
  try {
    voice = await voiceOf(presenters, log)
    booted = await boot(settings, signals, (event) => log.emit(event))
    const { paths } = booted
    hub = NotifyHub.open(() => renewRuntimeDirectory(paths))
  } catch (error) {
    if (booted) giveBack(booted)
    signals.stop()
    voice?.close()
    throw error
  }
  const { paths, lock, ledger, isRecorded, orphans, listeners, user } = booted
  log.emit({
    type: 'master-started',
    name: settings.name,
    pid: process.pid,
    source: settings.source === null ? null : shownSource(settings.source),
  })

  const reaper = startReaper(noteReaped)
  const requests = new Requests()
  let end: (status: number) => void = () => undefined
  const ended = new Promise<number>((resolve) => {
    end = resolve
  })
  const send = (input: Input): void => loop.send(input)
  const preload = preloadFor({ settings, paths, user }, warn)
  const emit = (event: AutoupEvent): void => log.emit(event)
  const environment = environmentOf(settings)
  // One object, which a reload changes.
  const live: Live = { settings, user, source, listeners, environment, preload }
  const context = Object.assign(live, { paths, hub, send, emit, preUpgrade })
  const workforce = new Workforce(context)
  const preflight = new Preflight(context)
  const hooks = new Hooks(context)
  log.subscribe(log.kept.at(-1)?.sequence ?? 0, (event) => {
    hooks.note(event)
    requests.note(event)
  })
  const jobs = new StagerJobs(context)
  const checks = new Checks(context, jobs)
  const looks = new Looks(context, jobs)
  const reload = new Reload({ live, paths, host, send, emit, state: () => loop.state })
  const tending = tendListeners(
    () => live.listeners,
    () => reload.leaving,
    emit,
    () => {
      send({ type: 'listener-lost', listeners: recordOf(live.listeners) })
      reload.listenersMoved()
    },
  )
  const state = (): State => loop.state
  const store = new StoreWriter({ paths, live, emit, state })
  const parts = { log, store, workforce, checks, looks, preflight, hooks, reload, requests, tending, state, end }
  const loop = new Loop(newState(policy, ledger, settings.instances), (effect) => carryOut(effect, parts), follow)

  function follow(state: State): void {
    workforce.follow(state)
    preflight.follow(state)
    hooks.follow(state)
    reload.follow(state)
    history.follow(state)
    voice?.follow(state)
  }

  const startedAt = new Date().toISOString()
  const handlers = controlHandlers({
    ...{ loop, log, requests, jobs, looks, paths, live, reload, startedAt, history, presenters },
  })
  const control = await openControl({ directory: paths.root, handlers }, warn)
  const to = { send, reload: () => void reload.reload() }
  signals.handOver((stop) => send({ type: 'boot', orphans: workforce.adopt(orphans), isRecorded, stop }), to)
  const page =
    settings.metrics === null ? null : await openPage(settings.metrics, handlers, { log, history, presenters })
  if (settings.source !== null) store.sweep()
  watch?.connect({
    changed: (paths, count) => {
      emit({ type: 'files-changed', paths, count })
      send({ type: 'changed' })
    },
    warn: (message) => emit({ type: 'warning', message }),
  })
  if (watch) emit({ type: 'watch-started', directory: watch.directory })

  const status = await ended
  watch?.connect({ changed: () => undefined, warn: () => undefined })
  checks.stop()
  looks.stop()
  hooks.end()
  workforce.end()
  tending.stop()
  loop.close()
  requests.stopped()
  // Their answers must be out before the socket goes.
  await turn()
  await page?.close()
  await control.close()
  // Nothing may write to the store once the lock is given up.
  await Promise.all([store.idle(), jobs.idle(), hooks.idle()])
  log.emit({ type: 'master-stopped' })
  reload.end()
  release(live, paths)
  hub.close()
  reaper.stop()
  lock.release()
  voice?.close()
  signals.stop()
  return status
}

/** Null where nobody wants to hear it. */
async function voiceOf(presenters: Presenters, log: EventLog): Promise<Voice | null> {
  if (!process.env.NOTIFY_SOCKET) return null
  const [{ openVoice }, line] = await Promise.all([import('./systemd-voice.ts'), presenters.line()])
  const voice = openVoice({ env: process.env, line, warn: (message) => log.emit({ type: 'warning', message }) })
  log.subscribe(0, (event) => voice.note(event))
  return voice
}

/** What was made for a master that cannot start after all; what orphans have stays with them. */
function giveBack({ lock, listeners }: Booted): void {
  for (const listener of listeners) closeListener(listener, { unlink: listener.how === 'bound' })
  lock.release()
}

/** The final stop: only now is a unix path unlinked. */
function release({ listeners }: Live, paths: StorePaths): void {
  for (const listener of listeners) closeListener(listener, { unlink: true })
  for (const path of [paths.pid, paths.run]) discard(path)
}
