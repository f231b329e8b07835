/** Signals to the master (DESIGN.md section 5). All of them are legal at any moment. */

import type { Input } from '../core/state.ts'

export interface SignalHandling {
  stop(): void
}

/** SIGUSR1 has no log file to reopen here, but must be taken: Node would open its debugger. */
export function handleSignals(send: (input: Input) => void, warn: (message: string) => void): SignalHandling {
  const stop = (reason: string, isUrgent: boolean) => () => send({ type: 'stop', reason, isUrgent, status: 0 })
  const handlers: [NodeJS.Signals, () => void][] = [
    ['SIGUSR2', () => send({ type: 'poke' })],
    ['SIGTERM', stop('SIGTERM', false)],
    ['SIGINT', stop('SIGINT', false)],
    ['SIGQUIT', stop('SIGQUIT', true)],
    [
      'SIGHUP',
      () =>
        process.stdin.isTTY
          ? send({ type: 'stop', reason: 'SIGHUP: the terminal is gone', isUrgent: false, status: 0 })
          : warn('SIGHUP: there is no config file to read again'),
    ],
    ['SIGUSR1', () => undefined],
    ['SIGTTIN', () => send({ type: 'scale', by: 1 })],
    ['SIGTTOU', () => send({ type: 'scale', by: -1 })],
  ]
  for (const [signal, handler] of handlers) process.on(signal, handler)
  return {
    stop() {
      for (const [signal, handler] of handlers) process.off(signal, handler)
    },
  }
}
