/**
 * Why a worker failed, in plain words. The kernel shows what the worker did instead of what it should have done:
 * whether it holds our socket, listens somewhere else, or asks for something that the running generation has.
 */

import { formatDuration } from '../../core/duration.ts'
import { unreachable } from '../../core/errors.ts'
import type { Ready } from '../../core/settings.ts'
import { isMaybeChosen } from '../../system/chosen-port.ts'
import { lockedFiles, ownListeners } from '../../system/holdings.ts'
import { SD_LISTEN_FDS_START } from '../../system/inherited.ts'
import type { Listener } from '../../system/listeners.ts'
import type { Exit } from '../../system/spawn.ts'
import { type Doors, nameListeners } from './doors.ts'
import { describeExit } from './process.ts'
import { unserved } from './readiness.ts'

/**
 * It ended before it was ready, or in probation, or later. `others` are the main pids of older generations;
 * `findsSockets` that its sockets get to it whatever it asks for, as the preload sees to in Node.
 */
export function explainExit(
  exit: Exit,
  context: {
    readonly wasReady: boolean
    readonly afterMs: number
    readonly doors: Doors | null
    readonly others: readonly number[]
    readonly findsSockets: boolean
  },
): string {
  const { wasReady, afterMs, doors, findsSockets } = context
  const how = `${describeExit(exit)} after ${formatDuration(afterMs)}`
  if (wasReady) return how
  if (exit.code === 0) return `${how}, before it was ready: a service stays in the foreground`
  const mayBind = doors !== null && exit.code !== null && !findsSockets
  return `${how}, before it was ready${sharedThings(context)}${mayBind ? ownBind(doors, context.others) : ''}`
}

/** It lives, but was not ready in time. */
export function explainNotReady(
  ready: Ready,
  context: {
    readonly pid: number
    readonly doors: Doors
    readonly timeoutMs: number
    readonly lastProbe: string | null
  },
): string {
  const { pid, doors, timeoutMs, lastProbe } = context
  const within = `within ${formatDuration(timeoutMs)}`
  switch (ready.kind) {
    case 'auto':
      return `was not seen to serve ${unservedPart(pid, doors, within)}`
    case 'notify':
      return `did not send READY=1 to NOTIFY_SOCKET or AUTOUP_NOTIFY ${within}: with --ready notify it has to say so itself, a Node app with process.send('ready')`
    case 'http':
    case 'tcp':
      return `did not answer on its private door, port ${doors.probePort} (AUTOUP_PORT) ${within}${lastProbe ? `: it ${lastProbe}` : ''}`
    case 'exec':
      return `its readiness command did not succeed ${within}${lastProbe ? `: ${lastProbe}` : ''}`
    case 'uptime':
      return `was not up ${within}: --ready-timeout is shorter than --ready uptime`
    default:
      return unreachable(ready)
  }
}

const OTHER_FORMS =
  'if it serves all the same, say how it shows that with --ready notify, http:/path, tcp, exec:COMMAND or uptime:3s'

/** What it serves is left out; where it listens instead, the kernel says. */
function unservedPart(pid: number, doors: Doors, within: string): string {
  const found = unserved(pid, doors)
  const left = found.length > 0 ? found : doors.listeners
  const which =
    left.length < doors.listeners.length
      ? `${nameListeners(left)} as well, which --listen declares,`
      : nameListeners(left)
  const fd = SD_LISTEN_FDS_START + doors.listeners.indexOf(left[0] as Listener)
  const own = ownListeners(pid, doors.inodes)
  const socket = `the socket it was given as descriptor ${fd} (LISTEN_FDS)`
  const instead =
    own.length > 0
      ? `it listens on ${own.join(' and ')} instead of ${socket}; let it listen on ${nameListeners(left)}, or declare where it does with --listen ${own[0]}${isMaybeChosen(own[0] as string) ? ', unless the kernel chose that port, as it does for 0' : ''}`
      : `it did not accept on ${socket}; ${OTHER_FORMS}`
  return `${which} ${within}: ${instead}`
}

/** What the running generation has for itself, so that a second one cannot have it. */
function sharedThings({ doors, others }: { readonly doors: Doors | null; readonly others: readonly number[] }): string {
  const inodes = doors?.inodes ?? new Set<number>()
  const ports = [...new Set(others.flatMap((pid) => ownListeners(pid, inodes)))]
  if (ports.length > 0) {
    return `; the running one listens on ${ports.join(' and ')} by itself, which two cannot do at once: add --listen ${ports[0]}, or use --strategy exclusive`
  }
  const files = [...new Set(others.flatMap(lockedFiles))]
  if (files.length > 0) {
    return `; the running one holds ${files.join(' and ')}, which two may not do at once: give each its own, or use --strategy exclusive`
  }
  return ''
}

function ownBind(doors: Doors, others: readonly number[]): string {
  if (doors.listeners.length === 0 || others.some((pid) => ownListeners(pid, doors.inodes).length > 0)) return ''
  return `; if it binds ${nameListeners(doors.listeners)} itself: autoup holds that address and passes it as descriptor ${SD_LISTEN_FDS_START} (LISTEN_FDS)`
}
