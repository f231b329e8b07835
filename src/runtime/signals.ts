/** Signals to the master (DESIGN.md section 5). All of them are legal at any moment. */

import type { Embedded } from '../core/settings.ts'
import type { Input, StopInput } from '../core/state.ts'
import { leaveLostTerminal } from '../system/lost-terminal.ts'
import { readStat } from '../system/procfs.ts'

export interface SignalTarget {
  send(input: Input): void
  /** Reads the configuration again. */
  reload(): void
}

/** What a master that boots has to know of the signals that have come. */
export interface Stopping {
  /** It is to start nothing any more. */
  readonly isAsked: AbortSignal
  /** It is to wait for nothing any more. */
  readonly isUrgent: AbortSignal
}

export interface SignalHandling extends Stopping {
  /** To whom they go from now on; `first` gets the stop that has come already, if any, and `to` the others then. */
  handOver(first: (stop: StopInput | null) => void, to: SignalTarget): void
  stop(): void
}

export type RestartSignal = Pick<Embedded, 'restartSignal' | 'restartStops'>

const PLAIN: RestartSignal = { restartSignal: 'SIGUSR2', restartStops: false }

/**
 * Taken from the first moment on, also by a master that cannot answer yet: the default action of most is to end the
 * process. SIGUSR1 is for whoever has a log file to open anew (src/cli/daemon.ts), but is taken here as well: Node
 * would open its debugger.
 */
export function handleSignals({ restartSignal, restartStops }: RestartSignal = PLAIN): SignalHandling {
  const waiting: Input[] = []
  const [asked, urgent] = [new AbortController(), new AbortController()]
  let isReloadWanted = false
  let reload = (): void => {
    isReloadWanted = true
  }
  let send = (input: Input): void => {
    waiting.push(input)
    if (input.type !== 'stop') return
    if (input.isUrgent || asked.signal.aborted) urgent.abort()
    asked.abort()
  }
  const hadTerminal = hasTerminal()
  const stop = (reason: string, isUrgent: boolean) => () => send({ type: 'stop', reason, isUrgent, status: 0 })
  const handlers = new Map<string, () => void>([
    ['SIGUSR2', () => undefined],
    ['SIGTERM', stop('SIGTERM', false)],
    ['SIGINT', stop('SIGINT', false)],
    ['SIGQUIT', stop('SIGQUIT', true)],
    [
      'SIGHUP',
      () => {
        if (!hadTerminal || hasTerminal()) return reload()
        leaveLostTerminal()
        send({ type: 'stop', reason: 'SIGHUP: the terminal is gone', isUrgent: false, status: 0 })
      },
    ],
    ['SIGUSR1', () => undefined],
    ['SIGTTIN', () => send({ type: 'scale', by: 1 })],
    ['SIGTTOU', () => send({ type: 'scale', by: -1 })],
    [restartSignal, restartStops ? stop(restartSignal, false) : () => send({ type: 'poke' })],
  ])
  for (const [signal, handler] of handlers) process.on(signal, handler)
  return {
    isAsked: asked.signal,
    isUrgent: urgent.signal,
    handOver(first, to) {
      send = to.send
      reload = to.reload
      const stopped = waiting.find((input) => input.type === 'stop') ?? null
      first(stopped)
      for (const input of waiting.splice(0)) if (input !== stopped) send(input)
      if (isReloadWanted) reload()
    },
    stop() {
      for (const [signal, handler] of handlers) process.off(signal, handler)
    },
  }
}

/** The kernel takes it away before it sends the SIGHUP (tty_nr in proc_pid_stat(5)); stdin may be something else. */
function hasTerminal(): boolean {
  return readStat(process.pid)?.terminal !== 0
}
