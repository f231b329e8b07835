import { describe, expect, it } from 'vitest'
import {
  beginPromotion,
  type Promotion,
  type PromotionContext,
  type PromotionEvent,
  stepPromotion,
} from '../../src/core/promotion.ts'
import { behaviour, build } from './world.ts'

const NOW = 1_000_000
const CONTEXT: PromotionContext = {
  exclusive: false,
  preflight: false,
  beforeHook: false,
  probationMs: 10_000,
  commitRetryMs: 1_000,
}
const BASE = { purpose: 'upgrade', target: build('2'), generation: 2, startedAt: 0 } as const
const probeFailure = { ...behaviour('answered 500'), isProbe: true }

const states: Record<string, Promotion> = {
  recording: { ...BASE, state: 'recording' },
  preflight: { ...BASE, state: 'preflight' },
  'before-hook': { ...BASE, state: 'before-hook' },
  vacating: { ...BASE, state: 'vacating' },
  starting: { ...BASE, state: 'starting' },
  probation: { ...BASE, state: 'probation', until: NOW + 1 },
  'probation-over': { ...BASE, state: 'probation', until: NOW },
  committing: { ...BASE, state: 'committing', retryAt: null },
  'commit-retry': { ...BASE, state: 'committing', retryAt: NOW },
  returning: { ...BASE, state: 'returning', failure: behaviour() },
  'returning-probe': { ...BASE, state: 'returning', failure: probeFailure },
}

const events: Record<string, PromotionEvent> = {
  tick: { type: 'tick' },
  recorded: { type: 'recorded' },
  'not-recorded': { type: 'not-recorded', reason: 'ENOSPC' },
  passed: { type: 'preflight-passed' },
  'hook-ok': { type: 'hook-passed' },
  vacated: { type: 'vacated' },
  ready: { type: 'ready' },
  failed: { type: 'failed', failure: behaviour() },
  'called-off': { type: 'failed', failure: { kind: 'operator', reason: 'rolled back by operator', isProbe: false } },
  established: { type: 'established' },
  'return-failed': { type: 'return-failed' },
}

/**
 * Rows are states, columns are events; `=` stays. An end is `committed`, or `B`, `M`, `O`: failed with a verdict on
 * behaviour, without a verdict for trouble of the machine, or because the operator said so.
 */
const TABLE = `
                 tick        recorded   not-recorded passed    hook-ok   vacated   ready      failed     called-off established return-failed
recording        =           starting   M            =         =         =         =          B          O          =           =
preflight        =           =          =            starting  =         =         =          B          O          =           =
before-hook      =           =          =            =         starting  =         =          B          O          =           =
vacating         =           =          =            =         =         starting  =          B          O          =           =
starting         =           =          =            =         =         =         probation  B          O          =           =
probation        =           =          =            =         =         =         =          returning  returning  =           =
probation-over   committing  =          =            =         =         =         =          returning  returning  =           =
committing       =           committed  commit-retry =         =         =         =          =          =          =           =
commit-retry     committing  committed  commit-retry =         =         =         =          =          returning  =           =
returning        =           =          =            =         =         =         =          =          returning  B           B
returning-probe  =           =          =            =         =         =         =          =          returning  B           M
`

/** The same for \`exclusive\`: from \`vacating\` on the old workers are gone, so a failure returns to them first. */
const EXCLUSIVE = `
                 recorded  passed    hook-ok   vacated   ready      failed     called-off
recording        vacating  =         =         =         =          B          O
preflight        =         vacating  =         =         =          B          O
before-hook      =         =         vacating  =         =          B          O
vacating         =         =         =         starting  =          returning  returning
starting         =         =         =         =         probation  returning  returning
`

/** The same where the operator is asked, after the preflight if there is one. */
const ASKED = `
                 recorded    passed      hook-ok   failed     called-off
recording        before-hook =           =         B          O
preflight        =           before-hook =         B          O
before-hook      =           =           starting  B          O
starting         =           =           =         B          O
`

describe('a promotion', () => {
  for (const [title, table, context] of [
    ['', TABLE, CONTEXT],
    ['exclusive: ', EXCLUSIVE, { ...CONTEXT, exclusive: true }],
    ['asked: ', ASKED, { ...CONTEXT, beforeHook: true }],
  ] as const) {
    const [header, ...rows] = table
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
    for (const [state, ...cells] of rows) {
      cells.forEach((cell, index) => {
        const event = header![index]!
        it(`${title}${state} × ${event} → ${cell}`, () =>
          expect(outcome(states[state!]!, events[event]!, context)).toBe(cell))
      })
    }
  }

  it('of an upgrade is recorded first; a restart and a rollback start at once', () => {
    expect(beginPromotion(BASE, CONTEXT)).toMatchObject({
      promotion: { state: 'recording' },
      effects: [{ type: 'record-candidate' }],
    })
    for (const purpose of ['restart', 'rollback'] as const) {
      expect(beginPromotion({ ...BASE, purpose }, CONTEXT).promotion?.state).toBe('starting')
      expect(beginPromotion({ ...BASE, purpose }, { ...CONTEXT, exclusive: true }).promotion?.state).toBe('vacating')
    }
  })

  it('runs the preflight, where there is one, after it was recorded and before any worker', () => {
    const step = stepPromotion(states.recording!, events.recorded!, NOW, { ...CONTEXT, preflight: true })
    expect(step).toMatchObject({ promotion: { state: 'preflight' }, effects: [{ type: 'run-preflight' }] })
  })

  it('asks the operator last, after it was recorded and tried, and before any worker', () => {
    const context = { ...CONTEXT, preflight: true, beforeHook: true }
    const asked = { promotion: { state: 'before-hook' }, effects: [{ type: 'run-before-hook' }] }
    expect(stepPromotion(states.recording!, events.recorded!, NOW, context).promotion?.state).toBe('preflight')
    expect(stepPromotion(states.preflight!, events.passed!, NOW, context)).toMatchObject(asked)
    expect(stepPromotion(states.recording!, events.recorded!, NOW, { ...context, preflight: false })).toMatchObject(
      asked,
    )
  })

  it('ends a restart when the new workers are ready: what runs was committed before', () => {
    const step = stepPromotion({ ...BASE, purpose: 'restart', state: 'starting' }, events.ready!, NOW, CONTEXT)
    expect(step).toMatchObject({ promotion: null, verdict: { outcome: 'restarted' }, effects: [{ type: 'hand-over' }] })
  })

  it('hands over once, at ready, and returns once, at the failure', () => {
    expect(stepPromotion(states.starting!, events.ready!, NOW, CONTEXT).effects).toEqual([{ type: 'hand-over' }])
    expect(stepPromotion(states.probation!, events.failed!, NOW, CONTEXT).effects).toEqual([{ type: 'return' }])
    expect(stepPromotion(states.returning!, events.failed!, NOW, CONTEXT).effects).toEqual([])
  })
})

function outcome(before: Promotion, event: PromotionEvent, context: PromotionContext): string {
  const { promotion, verdict, effects } = stepPromotion(before, event, NOW, context)
  if (verdict) return verdict.outcome === 'failed' ? verdict.failure.kind[0]!.toUpperCase() : verdict.outcome
  if (promotion?.state === 'committing' && promotion.retryAt !== null)
    return before === promotion ? '=' : 'commit-retry'
  const isSame = promotion === before || (effects.length === 0 && JSON.stringify(promotion) === JSON.stringify(before))
  return isSame ? '=' : promotion!.state
}
