/**
 * The files of the command have changed (`autoup dev`): it is started again beside itself. The old workers have the old
 * code in memory, so a start that fails leaves the last one that worked. What changes during a start takes its place:
 * nobody waits for what is out of date.
 */

import type { Failure } from './promotion.ts'
import { homeOf, type Turn } from './turn.ts'
import { failPromotion, promote } from './verdicts.ts'

/** Of a start that was overtaken. */
export const OVERTAKEN: Failure = { kind: 'operator', reason: 'the files have changed again', isProbe: false }

export function onChanged(turn: Turn): void {
  const home = homeOf(turn.state)
  if (turn.state.stop || !home) return
  failPromotion(turn, OVERTAKEN)
  // Under `exclusive` the way back comes first, and starts what is there now; others end of themselves.
  if (turn.state.promotion) turn.set({ isRestartWanted: true })
  else promote(turn, 'restart', home)
}
