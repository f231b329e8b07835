import { describe, expect, it } from 'vitest'
import type { AutoupEvent } from '../../src/core/events.ts'
import { type StartTerms, type StartVerdict, startWatch } from '../../src/core/start-verdict.ts'

const of = (worker: number, generation = 1) => ({
  worker,
  pid: 100 + worker,
  build: 'command',
  version: '',
  generation,
})

const started = (worker: number, generation = 1): AutoupEvent => ({ type: 'worker-started', ...of(worker, generation) })
const ready = (worker: number, generation = 1): AutoupEvent => ({
  type: 'worker-ready',
  ...of(worker, generation),
  afterMs: 1,
  how: 'READY=1',
})
const exited = (worker: number): AutoupEvent => ({
  type: 'worker-exited',
  ...of(worker),
  how: 'exited with 3',
  expected: false,
  afterMs: 1,
})
const failed = (worker: number): AutoupEvent => ({ type: 'worker-failed', ...of(worker), reason: 'why', retryInMs: 1 })
const master: AutoupEvent = { type: 'master-started', name: 'app', pid: 1, source: null }
const orphans: AutoupEvent = { type: 'orphans-found', pids: [1] }
const settled = (outcome: Extract<AutoupEvent, { type: 'settled' }>['outcome']): AutoupEvent => ({
  type: 'settled',
  outcome,
  message: 'why',
  version: null,
})
const checked = (result: 'unchanged' | 'error' | 'incomplete'): AutoupEvent => ({
  type: 'check-finished',
  result,
  message: 'why',
})

/** The verdict, and after how many events it came. */
function judge(events: AutoupEvent[], terms: Partial<StartTerms> = {}): [StartVerdict | null, number] {
  const watch = startWatch({ instances: 1, hasProof: true, isPatient: false, ...terms })
  for (const [index, event] of events.entries()) {
    const verdict = watch(event)
    if (verdict) return [verdict, index + 1]
  }
  return [null, events.length]
}

const good = { type: 'started', isProven: true }
const bad = (code: string) => ({ type: 'failed', code, message: 'why', isServed: false })

describe('a start', () => {
  it('is good when as many workers of one generation are ready as were asked for', () => {
    const two = { instances: 2 }
    expect(judge([master, started(1), ready(1)])).toEqual([good, 3])
    expect(judge([started(1), started(2), ready(1), ready(2)], two)).toEqual([good, 4])
    expect(judge([started(1), ready(1), started(2, 2), ready(2, 2)], two)[0]).toBeNull()
    expect(judge([started(1), ready(1), exited(1), started(2), ready(2)], two)[0]).toBeNull()
  })

  it('claims no proof where there can be none', () => {
    expect(judge([started(1), ready(1)], { hasProof: false })[0]).toEqual({ ...good, isProven: false })
  })

  it('is bad with the first worker that died, or that had its time', () => {
    expect(judge([started(1), exited(1), failed(1)])).toEqual([bad('failed'), 3])
    expect(judge([started(1), failed(1)])).toEqual([bad('timed-out'), 2])
  })

  it.each([
    ['refused', 'refused'],
    ['rolled-back', 'rolled-back'],
    ['quarantined', 'rolled-back'],
    ['failed', 'failed'],
    ['incomplete', 'failed'],
    ['stopped', 'failed'],
  ] as const)('is bad with a first build that is %s', (outcome, code) => {
    expect(judge([master, settled(outcome)])[0]).toEqual(bad(code))
  })

  it.each(['unchanged', 'committed', 'restarted'] as const)('has no verdict with what is %s', (outcome) => {
    expect(judge([master, settled(outcome)])[0]).toBeNull()
  })

  it('needs the source for a first build, and for no other', () => {
    expect(judge([master, checked('error')])[0]).toEqual(bad('failed'))
    expect(judge([master, checked('incomplete')])[0]).toEqual(bad('failed'))
    expect(judge([master, checked('unchanged')])[0]).toBeNull()
    expect(judge([master, started(1), checked('error'), ready(1)])).toEqual([good, 4])
  })

  it('that fails says whether the workers of a killed master serve on', () => {
    expect(judge([orphans, started(1), exited(1), failed(1)])[0]).toEqual({ ...bad('failed'), isServed: true })
  })

  it('of the patient is good with the first thing that a master does which can be asked', () => {
    const patient = { isPatient: true }
    expect(judge([orphans, master], patient)[0]).toBeNull()
    expect(judge([orphans, master, checked('error')], patient)).toEqual([{ ...good, isProven: false }, 3])
  })
})
