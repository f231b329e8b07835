/**
 * The program in a worker. What the preload does for every Node app it does for this one, loaded with the program
 * instead of before it: sockets, word to the master, beats, lame-duck drain. The drain signal, which comes when the
 * last connection is gone or the drain timeout nears, becomes an AbortSignal. Nothing here reaches libc unless an
 * address is asked for.
 */

import { getEventListeners } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeSocket } from '../system/describe-socket.ts'
import { signalName } from '../system/signals.ts'
import { published } from '../worker/preload/bridge.cts'
import { start } from '../worker/preload/start.cts'
import type { RunConfig } from './config.ts'
import { type Listener, stateOf } from './state.ts'

/** Resolves when the program has come back. */
export async function runWorker(config: RunConfig): Promise<void> {
  // Under `autoup run` the preload is there already.
  const bridge = published() ?? start()
  if (bridge === null) throw new Error('this process is no worker')
  const { AUTOUP_BUILD: build, AUTOUP_STATE: home, AUTOUP_DRAIN_SIGNAL = 'TERM' } = process.env
  const listeners = (bridge.listeners ?? []).map(withAddress)
  const state = stateOf(
    {
      enabled: true,
      listeners,
      gracefulShutdown: whenSignalled(['SIGTERM', signalName(AUTOUP_DRAIN_SIGNAL)]),
      ready: () => bridge.say('READY=1'),
      restart: () => signalMaster(home, signalName(config.restartSignal ?? 'USR2')),
    },
    build,
  )
  await config.program(state)
  // Nothing else would show it; where there are sockets, it is ready when it listens.
  if (listeners.length === 0) state.ready()
}

/** Without a master: the same program, which listens by itself. */
export async function runPlainly(config: RunConfig, listeners: readonly Listener[]): Promise<void> {
  const none = () => undefined
  const gracefulShutdown = whenSignalled(['SIGTERM', 'SIGINT'])
  await config.program(
    stateOf({ enabled: false, listeners, gracefulShutdown, ready: none, restart: () => false }, undefined),
  )
}

/** Asked once: the descriptor is closed in a drain, in which the program goes on answering. */
function withAddress({ name, fd }: { readonly name: string; readonly fd: number }): Listener {
  return { name, fd, address: describeSocket(fd).shown }
}

/** A program that takes no notice ends as it would without us. */
function whenSignalled(signals: readonly NodeJS.Signals[]): AbortSignal {
  const shutdown = new AbortController()
  for (const name of new Set(signals)) {
    const onSignal = (): void => {
      if (shutdown.signal.aborted) return
      if (getEventListeners(shutdown.signal, 'abort').length > 0) return shutdown.abort(new Error(`asked by ${name}`))
      process.off(name, onSignal)
      process.kill(process.pid, name)
    }
    process.on(name, onSignal)
  }
  return shutdown.signal
}

/** The parent is the master only while its pid file says so. */
function signalMaster(home: string | undefined, signal: NodeJS.Signals): boolean {
  try {
    if (home === undefined || readFileSync(join(home, 'master.pid'), 'utf8').trim() !== String(process.ppid))
      return false
    return process.kill(process.ppid, signal)
  } catch {
    return false
  }
}
