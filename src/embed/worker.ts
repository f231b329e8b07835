/**
 * The program in a worker: its sockets are the inherited ones (sd_listen_fds(3)), the drain signal becomes an
 * AbortSignal, READY=1 goes to the master (sd_notify(3)). Nothing here reaches libc unless an address is asked for.
 */

import { getEventListeners } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { messageOf } from '../core/errors.ts'
import { describeSocket } from '../system/describe-socket.ts'
import { signalName } from '../system/signals.ts'
import type { RunConfig } from './config.ts'
import { type Listener, stateOf } from './state.ts'

const FIRST_DESCRIPTOR = 3

/** Resolves when the program has come back. */
export async function runWorker(config: RunConfig): Promise<void> {
  const { AUTOUP_BUILD: build, AUTOUP_NOTIFY: notify, AUTOUP_STATE: home, AUTOUP_DRAIN_SIGNAL = 'TERM' } = process.env
  const listeners = takeListeners()
  const state = stateOf(
    {
      enabled: true,
      listeners,
      gracefulShutdown: whenSignalled(['SIGTERM', signalName(AUTOUP_DRAIN_SIGNAL)]),
      ready: () => sayReady(notify),
      restart: () => signalMaster(home, signalName(config.restartSignal ?? 'USR2')),
    },
    build,
  )
  await config.program(state)
  // Nothing else would show it; where there are sockets, the program is seen to serve.
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

/** What this process starts is no worker, and finds nothing that says so. */
function takeListeners(): readonly Listener[] {
  const { LISTEN_PID, LISTEN_FDS = '0', LISTEN_FDNAMES = '' } = process.env
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'AUTOUP_PID']) delete process.env[name]
  if (LISTEN_PID !== String(process.pid)) return []
  const names = LISTEN_FDNAMES.split(':')
  return Array.from({ length: Number(LISTEN_FDS) }, (_, index) => {
    const fd = FIRST_DESCRIPTOR + index
    return {
      name: names[index] ?? '',
      fd,
      get address() {
        return describeSocket(fd).shown
      },
    }
  })
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

function sayReady(path: string | undefined): void {
  if (path === undefined) return
  const socket = connect(path, () => socket.end('READY=1\n'))
  socket.on('error', (error) => process.stderr.write(`cannot tell the master that it is ready: ${messageOf(error)}\n`))
  socket.unref()
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
