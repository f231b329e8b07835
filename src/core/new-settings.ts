/**
 * New settings for a master that runs. They are taken up between two promotions, all at once: a promotion ends as it
 * has begun. What workers were started with (the command, the sockets …) reaches them with a new generation, so a
 * change of that makes the serving one stale, as a lost socket does.
 */

import { newPipeline, strongest } from './pipeline.ts'
import type { SettingsChange } from './state.ts'
import type { Turn } from './turn.ts'

/** A later change takes the place of one that still waits; it says all that the one before did. */
export function askSettings(turn: Turn, change: SettingsChange): void {
  if (!turn.state.stop) turn.set({ settingsAsked: change })
}

/** Called before anything is started, so that what is started has them. */
export function applySettings(turn: Turn): void {
  const { settingsAsked: change, promotion, stop, instancesAsked, generations } = turn.state
  if (!change || promotion || stop) return
  const before = turn.state.policy
  turn.set({
    settingsAsked: null,
    policy: change.policy,
    instancesAsked: change.instances ?? instancesAsked,
    ...(change.needsWorkers ? { staleUpTo: generations, restartAt: turn.now.ms } : {}),
  })
  turn.do({ type: 'apply-settings' })
  // Before a worker has them: should this master be killed, the next one looks for them by what is written down.
  turn.note({ ...turn.state.ledger, listeners: change.listeners })
  followSource(turn, before)
}

/** Another source, or other demands on it, are asked at once; a check that runs is of no use any more. */
function followSource(turn: Turn, before: SettingsChange['policy']): void {
  const { pipeline, policy, ledger, isInsisted } = turn.state
  const now = turn.now.ms
  if (!pipeline) return
  const isOther = policy.source !== before.source
  if (isOther || policy.look !== before.look) {
    // Whoever has asked for a check gets the answer of the next one.
    const asked = pipeline.state === 'idle' ? null : pipeline.asked
    const owed = isOther && ledger.candidate !== null && isInsisted ? 'plain' : null
    if (pipeline.state !== 'idle') turn.do({ type: 'stop-check' })
    turn.set({
      pipeline: { ...newPipeline(now), poke: strongest(pipeline.poke, asked, owed) },
      isCheckOutdated: false,
    })
    if (!isOther || !ledger.candidate) return
    turn.set({ isInsisted: false })
    turn.note({ ...turn.state.ledger, candidate: null })
  } else if (pipeline.state === 'idle') {
    const soonest = Math.min(pipeline.nextCheckAt, now + policy.intervalMs)
    turn.set({ pipeline: { ...pipeline, nextCheckAt: Math.max(pipeline.heldUntil ?? 0, soonest) } })
  }
}
