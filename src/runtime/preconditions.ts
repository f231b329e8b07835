/** What must fit together before a master starts, or takes up a changed configuration. */

import { formatAddress } from '../core/address.ts'
import { AutoupError } from '../core/errors.ts'
import type { Settings } from '../core/settings.ts'
import { lookUpUser, requireSwitchTo, type User } from '../system/user.ts'
import { PROBE } from './workers/doors.ts'

/** Who workers are, or null: whoever the master is. Throws AutoupError. */
export function workerUser({ user: text }: Pick<Settings, 'user'>): User | null {
  if (text === null) return null
  const user = lookUpUser(text)
  requireSwitchTo(user)
  return user
}

/** Throws AutoupError `usage`. */
export function refuseFixedProbe(settings: Settings): void {
  const fixed = settings.listen.find(
    ({ name, address }) => name === PROBE && (address.family !== 'tcp' || address.port !== 0),
  )
  if (!fixed) return
  const why = 'every worker gets a probe socket of its own, so its port cannot be fixed'
  throw new AutoupError(
    'usage',
    `cannot use ${formatAddress(fixed.address)} for the listener '${PROBE}': ${why}; write ${PROBE}=127.0.0.1:0`,
  )
}

/**
 * Without a socket nothing shows by itself that a worker serves. A bare command is started all the same, with a
 * warning. Throws AutoupError `usage`.
 */
export function requireProof(
  settings: Pick<Settings, 'ready' | 'source'>,
  listeners: number,
  warn: (message: string) => void,
): void {
  if (settings.ready.kind !== 'auto' || listeners > 0) return
  const advice = 'give it a socket with --listen, or say --ready notify, --ready exec:COMMAND or --ready uptime:3s'
  if (settings.source !== null) throw new AutoupError('usage', `nothing would show that a new build serves: ${advice}`)
  warn(`nothing shows that a new worker serves, so a restart does not wait for it: ${advice}`)
}
