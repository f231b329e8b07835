/**
 * Puts the parts of the preload together, in the one process that they are for: a worker that has loaded them by
 * `--require`, or one that is a program with autoup in it (src/embed).
 */

import type net from 'node:net'
import { type Asked, scoreOf, shown } from './addresses.cts'
import { beat } from './beats.cts'
import { type Bridge, type DrainTask, publish } from './bridge.cts'
import { disconnectCluster, hasCluster } from './cluster.cts'
import { type Contract, FIRST_FD, hideContract, readContract } from './contract.cts'
import { Door } from './door.cts'
import { drainOn } from './drain.cts'
import { closeAfterAnswers } from './http1.cts'
import { Sessions } from './http2.cts'
import { keepPaths } from './keep-paths.cts'
import { interceptListen } from './listening.cts'
import { LongLivedConnections } from './long-lived.cts'
import { hearReady } from './pm2.cts'
import { holdSignal } from './signals.cts'
import { Sockets } from './sockets.cts'
import { tell } from './tell.cts'
import { explainThreads } from './threads.cts'
import { Voice } from './voice.cts'

/** Before the app is loaded, or at least before it listens. Null in any process but the worker itself. */
export function start(): Bridge | null {
  const contract = readContract(process.env, process.pid)
  if (contract === null) return null
  hideContract(process.env)
  const voice = new Voice(contract.notifyPath)
  const sockets = new Sockets(contract.names)
  for (const { fd, name } of sockets.missing) {
    tell(
      `descriptor ${fd} (${name}) has not arrived: what stands before node has closed it; start node itself, ` +
        'or with bundle exec --keep-file-descriptors',
    )
  }
  const bridge = serve(contract, voice, sockets)
  if (contract.watchdogMs !== null) beat(voice, contract.watchdogMs)
  hearReady(() => voice.say('READY=1'))
  explainThreads((asked) => sockets.matching(asked).length > 0)
  const paths = sockets.all.map(({ bound }) => bound).filter((bound) => bound.kind === 'unix')
  if (paths.length > 0) keepPaths((path) => paths.some((bound) => scoreOf({ kind: 'unix', path }, bound) > 0))
  return bridge
}

function serve(contract: Contract, voice: Voice, sockets: Sockets): Bridge {
  const servers = new Set<net.Server>()
  const sessions = new Sessions()
  const longLived = new LongLivedConnections()
  const door = new Door(contract.ownPort, sockets.probe)
  const [first = null] = sockets.all
  const tasks: DrainTask[] = []
  let isReadySaid = !contract.isReadyWhenListening

  const isDoor = (asked: Asked | null): boolean => asked?.kind === 'tcp' && door.isAt(asked.port)

  interceptListen(sockets, {
    onTaken(server, socket) {
      if (door.isOf(server)) return
      if (socket === sockets.probe) return door.giveUp()
      // One that listens again is watched already.
      if (servers.has(server)) return
      servers.add(server)
      sessions.watch(server)
      longLived.watch(server)
      if (hasCluster()) {
        tell(
          'the app forks workers of its own (node:cluster): a swap replaces them all, and they close connections in ' +
            'their own way; --instances does the same without a cluster',
        )
      }
    },
    onKept(server, socket, handle) {
      if (door.isOf(server) || socket === sockets.probe) return
      if (socket === first) door.openFor(server, handle)
      if (isReadySaid || !sockets.areAllTaken) return
      isReadySaid = true
      voice.say('READY=1')
    },
    onOther(server, asked) {
      if (!door.isOf(server) && isDoor(asked)) door.giveUp()
    },
    onOwn(server, asked, handle) {
      if (door.isOf(server) || isDoor(asked)) return
      if (first === null && handle !== null) door.openFor(server, handle)
      // Where one is missing, it is that one: told already.
      if (asked !== null && sockets.missing.length === 0) tell(undeclared(asked, sockets))
    },
  })

  drainOn({
    hold: (onSignal) => holdSignal(contract.drainSignal, onSignal),
    timeoutMs: contract.drainTimeoutMs,
    servers,
    tasks,
    stopAccepting: () => sockets.retire(),
    onBegin(withinMs) {
      voice.say('STOPPING=1')
      door.close()
      closeAfterAnswers()
      longLived.drain(withinMs, sessions.all)
      sessions.drain(withinMs)
    },
    onNear: () => longLived.cut(),
    onNobody: (end) => (hasCluster() ? disconnectCluster(end) : end()),
  })

  const bridge: Bridge = {
    listeners: contract.names.map((name, index) => ({ name, fd: FIRST_FD + index })),
    say: (line) => voice.say(line),
    onDrain: (task) => void tasks.push(task),
    adopt: () => undefined,
  }
  publish(bridge)
  return bridge
}

function undeclared(asked: Asked, { shown: declared }: Sockets): string {
  const own = `declare it with --listen ${shown(asked)}`
  const instead =
    declared === null
      ? own
      : `${own}, or let it listen on ${declared}, which ${declared.includes(' and ') ? 'are' : 'is'} declared`
  return `the app listens on ${shown(asked)}, which no --listen declares: it binds that itself, and two workers cannot both do that; ${instead}`
}
