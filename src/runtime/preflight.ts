/** `--preflight`: the staged build is run once, without sockets, before it may serve. */

import type { Failure } from '../core/promotion.ts'
import { LIMITS } from '../core/settings.ts'
import { probeExec } from '../system/probe.ts'
import type { User } from '../system/user.ts'

/** Null when it exits 0 in time. */
export async function runPreflight(
  command: string,
  context: { readonly env: Record<string, string>; readonly cwd: string; readonly user: User | null },
): Promise<Failure | null> {
  const reason = await probeExec(command, context.env, context.cwd, LIMITS.preflightMs, context.user)
  return reason === null ? null : { kind: 'behaviour', reason: `its preflight failed: ${reason}`, isProbe: false }
}
