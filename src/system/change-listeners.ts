/**
 * The listeners of a changed configuration, from those there are: a socket whose address is still asked for is kept as
 * it is, whatever it is called now; what is new is bound; what nobody asks for any more is left to the caller, who
 * closes it when no worker has it any more. Inherited sockets are matched anew, as at the start. It is planned
 * first, since the change may have to wait; until then everything stays as it was.
 */

import { chmodSync, chownSync } from 'node:fs'
import { formatAddress, type ListenSpec, refuseTwins } from '../core/address.ts'
import { describeSocket } from './describe-socket.ts'
import { bindNew, closeListener, type Listener, matchInherited } from './listeners.ts'
import { lookUpUser } from './user.ts'

export interface ListenerPlan {
  readonly entries: readonly { readonly listener: Listener; readonly spec: ListenSpec | null }[]
  /** Bound for this plan. */
  readonly fresh: readonly Listener[]
}

/** `held` are all that are open. Throws AutoupError as openListeners does; nothing new is open then. */
export function planListeners(specs: readonly ListenSpec[], held: readonly Listener[]): ListenerPlan {
  refuseTwins(specs)
  const inherited = held.filter(({ how }) => how === 'inherited')
  const matched = matchInherited(
    specs,
    inherited.map(({ name, fd, inode }) => ({ ...describeSocket(fd), name, fd, inode })),
  )
  const find = (spec: ListenSpec): Listener | undefined => {
    const fd = matched.get(spec)?.fd
    if (fd !== undefined) return inherited.find((each) => each.fd === fd)
    return held.find((each) => each.how !== 'inherited' && each.address === formatAddress(spec.address))
  }
  const entries: { listener: Listener; spec: ListenSpec | null }[] = []
  const fresh: Listener[] = []
  try {
    for (const spec of specs) {
      let listener = find(spec)
      if (!listener) {
        listener = bindNew(spec, specs)
        fresh.push(listener)
      }
      entries.push({ listener, spec })
    }
  } catch (error) {
    closeAll(fresh)
    throw error
  }
  for (const listener of inherited) {
    if (!entries.some((entry) => entry.listener === listener)) entries.push({ listener, spec: null })
  }
  return { entries, fresh }
}

/** The listeners as they are from here on. `warn` hears of a unix path that cannot be given its mode or owner. */
export function carryOutPlan({ entries }: ListenerPlan, warn: (error: unknown) => void): Listener[] {
  return entries.map(({ listener, spec }) => {
    if (!spec || spec === listener.spec) return { ...listener, spec }
    try {
      ownPath(spec)
    } catch (error) {
      warn(error)
    }
    return { ...listener, name: spec.name, address: formatAddress(spec.address), spec }
  })
}

export function closeAll(listeners: readonly Listener[]): void {
  for (const listener of listeners) closeListener(listener, { unlink: true })
}

/** What the address says of the file; what it leaves out stays. */
function ownPath({ address }: ListenSpec): void {
  if (address.family !== 'unix') return
  if (address.owner !== null) {
    const { uid, gid } = lookUpUser(address.owner)
    chownSync(address.path, uid, gid)
  }
  if (address.mode !== null) chmodSync(address.path, address.mode)
}
