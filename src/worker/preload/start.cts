/** Puts the parts of the preload together, in the one process that they are for. */

import type net from 'node:net'
import { hideContract, readContract, restoreNodeOptions } from './contract.cts'
import { drainOn } from './drain.cts'
import { closeAfterAnswers } from './drain-http.cts'
import { interceptListen } from './listening.cts'
import { Sockets } from './sockets.cts'
import { Voice } from './voice.cts'

export function start(): void {
  const contract = readContract(process.env, process.pid)
  if (contract === null) return
  restoreNodeOptions(process.env)
  hideContract(process.env)
  const voice = new Voice(contract.notifyPath)
  const sockets = new Sockets(contract.names)
  const servers = new Set<net.Server>()
  let hasSaidReady = false

  interceptListen(sockets, {
    onTaken(server) {
      servers.add(server)
      if (hasSaidReady || !contract.isReadyWhenListening || !sockets.areAllTaken) return
      hasSaidReady = true
      voice.say('READY=1')
    },
    onUndeclared: () => undefined,
    onClosed: () => undefined,
  })

  drainOn({
    signal: contract.drainSignal,
    timeoutMs: contract.drainTimeoutMs,
    servers,
    stopAccepting: () => sockets.retire(),
    onBegin() {
      voice.say('STOPPING=1')
      closeAfterAnswers()
    },
    onNear: () => undefined,
  })
}
