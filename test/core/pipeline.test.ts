import { describe, expect, it } from 'vitest'
import { newPipeline, type Pipeline, type PipelineEvent, stepPipeline } from '../../src/core/pipeline.ts'
import { build } from './world.ts'

const CONTEXT = { intervalMs: 60_000, busy: false }
const NOW = 1_000_000

const due: Pipeline = { state: 'idle', nextCheckAt: NOW, failures: 0, poke: null }
const idle: Pipeline = { ...due, nextCheckAt: NOW + 500 }
const working = (state: 'checking' | 'fetching' | 'verifying'): Pipeline => ({
  state,
  version: state === 'checking' ? null : '2',
  asked: null,
  failures: 0,
  poke: null,
})

const events = {
  tick: { type: 'tick' },
  poke: { type: 'poke', poke: 'plain' },
  found: { type: 'found', version: '2', name: 'app' },
  fetched: { type: 'fetched' },
  unchanged: { type: 'unchanged', known: 1 },
  incomplete: { type: 'incomplete', message: 'still being written' },
  error: { type: 'error', message: 'no route to host' },
  limited: { type: 'error', message: 'no more calls', waitMs: 1_800_000 },
  held: { type: 'held', build: 'sha256-2', version: '2', reason: 'exited with 1', known: 1 },
  refused: { type: 'refused', build: 'sha256-2', version: '2', reason: 'is empty', known: 1 },
  staged: { type: 'staged', build: build('2'), known: 1 },
} satisfies Record<string, PipelineEvent>

/** Rows are states, columns are events; `=` stays, `!` starts the stager, `.` ends the check. */
const TABLE = `
            tick       poke       found     fetched    unchanged incomplete error  limited held  refused staged
due         checking!  checking!  =         =          =         =          =      =       =     =       =
idle        =          checking!  =         =          =         =          =      =       =     =       =
checking    =          =          fetching  =          idle.     idle.      idle.  idle.   idle. idle.   idle.
fetching    =          =          =         verifying  idle.     idle.      idle.  idle.   idle. idle.   idle.
verifying   =          =          =         =          idle.     idle.      idle.  idle.   idle. idle.   idle.
`

const states: Record<string, Pipeline> = {
  due,
  idle,
  checking: working('checking'),
  fetching: working('fetching'),
  verifying: working('verifying'),
}

const [header, ...rows] = TABLE.trim()
  .split('\n')
  .map((line) => line.trim().split(/\s+/))

describe('the pipeline', () => {
  for (const [state, ...cells] of rows) {
    cells.forEach((cell, index) => {
      const event = header![index] as keyof typeof events
      it(`${state} × ${event} → ${cell}`, () => {
        const before = states[state!]!
        const step = stepPipeline(before, events[event], NOW, CONTEXT)
        const mark = `${step.start ? '!' : ''}${step.end ? '.' : ''}`
        const next = step.pipeline.state === before.state && mark === '' ? '=' : step.pipeline.state + mark
        expect(next).toBe(cell)
      })
    })
  }

  it('starts nothing while a promotion is under way, but remembers the poke', () => {
    const busy = { ...CONTEXT, busy: true }
    const poked = stepPipeline(due, events.poke, NOW, busy)
    expect(poked).toMatchObject({ start: null, pipeline: { state: 'idle', poke: 'plain' } })
    expect(stepPipeline(poked.pipeline, events.tick, NOW, CONTEXT).start).toEqual({ asked: 'plain' })
  })

  it('checks once more when it was poked during a check', () => {
    const poked = stepPipeline(working('checking'), events.poke, NOW, CONTEXT)
    const ended = stepPipeline(poked.pipeline, events.unchanged, NOW, CONTEXT)
    expect(stepPipeline(ended.pipeline, events.tick, NOW, CONTEXT).start).toEqual({ asked: 'plain' })
  })

  it('keeps the stronger of two pokes', () => {
    const again = stepPipeline(working('checking'), { type: 'poke', poke: 'again' }, NOW, CONTEXT)
    expect(stepPipeline(again.pipeline, events.poke, NOW, CONTEXT).pipeline.poke).toBe('again')
  })

  it.each([
    ['an error', { ...events.error, waitMs: 1_800_000 }, 1_800_000],
    ['an error that asks for less than the back-off', { ...events.error, waitMs: 10 }, 1_000],
    ['what is unchanged', { ...events.unchanged, waitMs: 180_000 }, 180_000],
    ['what is unchanged and asks for less than the interval', { ...events.unchanged, waitMs: 10 }, 60_000],
    ['what is incomplete', { ...events.incomplete, waitMs: 180_000 }, 180_000],
    ['a wait without end', { ...events.error, waitMs: 1e12 }, 3_600_000],
  ] satisfies [string, PipelineEvent, number][])(
    'waits as long as the source asks for, at most an hour: %s',
    (_, event, waitMs) => {
      expect(stepPipeline(working('checking'), event, NOW, CONTEXT).pipeline).toMatchObject({
        nextCheckAt: NOW + waitMs,
      })
    },
  )

  it('comes before its time when it is poked', () => {
    const { pipeline } = stepPipeline(working('checking'), { ...events.error, waitMs: 1_800_000 }, NOW, CONTEXT)
    expect(stepPipeline(pipeline, events.tick, NOW, CONTEXT).start).toBeNull()
    expect(stepPipeline(pipeline, events.poke, NOW, CONTEXT).start).toEqual({ asked: 'plain' })
  })

  it('backs off from errors, doubling up to ten intervals, and forgets them at the first answer', () => {
    let pipeline = newPipeline(NOW)
    const waits: number[] = []
    for (let failure = 0; failure < 12; failure++) {
      pipeline = stepPipeline({ ...pipeline, nextCheckAt: NOW } as Pipeline, events.tick, NOW, CONTEXT).pipeline
      pipeline = stepPipeline(pipeline, events.error, NOW, CONTEXT).pipeline
      if (pipeline.state === 'idle') waits.push(pipeline.nextCheckAt - NOW)
    }
    expect(waits.slice(0, 4)).toEqual([1_000, 2_000, 4_000, 8_000])
    expect(waits.at(-1)).toBe(600_000)
    pipeline = stepPipeline({ ...pipeline, nextCheckAt: NOW } as Pipeline, events.tick, NOW, CONTEXT).pipeline
    pipeline = stepPipeline(pipeline, events.unchanged, NOW, CONTEXT).pipeline
    expect(pipeline).toMatchObject({ failures: 0, nextCheckAt: NOW + 60_000 })
  })
})
