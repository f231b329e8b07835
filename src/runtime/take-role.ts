/** What this process becomes where it was started as a helper (self.ts). Comes back where it was not. */

import { unreachable } from '../core/errors.ts'
import { takeRoleVariable } from '../system/self.ts'

/** The process ends by itself when its role is played; until then this does not resolve. */
export async function takeRole(): Promise<void> {
  const part = takeRoleVariable()
  if (part === null) return
  const { role, words } = part
  switch (role) {
    case 'confined':
      return (await import('./stager/confined.ts')).becomeStager(words)
    case 'stager':
      ;(await import('./stager/stager.ts')).serveOrder()
      break
    case 'check':
      ;(await import('./stager/build-check.ts')).answerCheck(words)
      break
    default:
      unreachable(role)
  }
  await new Promise<never>(() => undefined)
}
