/**
 * The bridge of a process that the preload is not in: under a master with `--no-preload`, from the same variables; and
 * without a master, where a program that was written for one serves and ends like any other. Here the signal is
 * watched only once there is something to drain, and only what the library was given is drained.
 */

import net from 'node:net'
import { beat } from './preload/beats.cts'
import type { Bridge, DrainTask } from './preload/bridge.cts'
import { type Contract, FIRST_FD, hideContract, readContract } from './preload/contract.cts'
import { Door } from './preload/door.cts'
import { drainOn } from './preload/drain.cts'
import { closeAfterAnswers } from './preload/http1.cts'
import { Sessions } from './preload/http2.cts'
import { LongLivedConnections } from './preload/long-lived.cts'
import type { HeldSignal } from './preload/signals.cts'
import { PROBE } from './preload/sockets.cts'
import { Voice } from './preload/voice.cts'

/** Where nobody says how long it may take: as a master's default. */
const PLAIN_DRAIN_MS = 30_000

export function createBridge(env: NodeJS.ProcessEnv, pid: number): Bridge {
  const contract = readContract(env, pid)
  if (contract !== null) hideContract(env)
  const voice = new Voice(contract?.notifyPath ?? null)
  const servers = new Set<net.Server>()
  const sessions = new Sessions()
  const longLived = new LongLivedConnections()
  const tasks: DrainTask[] = []
  const listeners = contract?.names.map((name, index) => ({ name, fd: FIRST_FD + index })) ?? null
  const door = new Door(contract?.ownPort ?? null, listeners?.find(({ name }) => name === PROBE) ?? null)
  let isWatching = false
  if (contract?.watchdogMs) beat(voice, contract.watchdogMs)

  function watch(): void {
    if (isWatching) return
    isWatching = true
    drainOn({
      hold: (onSignal) => holdPlainly(contract === null ? ['SIGTERM', 'SIGINT'] : [contract.drainSignal], onSignal),
      timeoutMs: contract?.drainTimeoutMs ?? PLAIN_DRAIN_MS,
      servers,
      tasks,
      stopAccepting() {
        for (const server of servers) stopAccepting(server, contract)
      },
      onBegin(withinMs) {
        voice.say('STOPPING=1')
        door.close()
        closeAfterAnswers()
        longLived.drain(withinMs, sessions.all)
        sessions.drain(withinMs)
      },
      onNear: () => longLived.cut(),
      onNobody: (end) => end(),
    })
  }

  return {
    listeners,
    say: (line) => voice.say(line),
    onDrain(task) {
      watch()
      tasks.push(task)
    },
    adopt(server) {
      watch()
      servers.add(server)
      sessions.watch(server)
      longLived.watch(server)
      door.openFor(server)
    },
  }
}

/** Under a master the idle connections stay, for they may be in use; without one nobody takes over. */
function stopAccepting(server: net.Server, contract: Contract | null): void {
  if (contract === null) server.close()
  else net.Server.prototype.close.call(server)
}

/** Other handlers of the app have run by then; only where there are any is the end theirs. */
function holdPlainly(signals: readonly string[], onSignal: () => void): HeldSignal {
  for (const signal of signals) process.on(signal, onSignal)
  return {
    get isHandled() {
      return signals.some((signal) => process.listenerCount(signal) > 1)
    },
    deliver: () => undefined,
  }
}
