/** What the supervisor does when the files of its command change (`autoup dev`). */

import { describe, expect, it } from 'vitest'
import { EMPTY_LEDGER } from '../../src/core/ledger.ts'
import type { State } from '../../src/core/state.ts'
import { wakeAt } from '../../src/core/supervisor.ts'
import { behaviour, World } from './world.ts'

const dev = () => World.command({ waitsForChange: true })
const kinds = ({ workers }: State) => workers.map(({ generation, state }) => `${generation} ${state.kind}`)

describe('a change of the files', () => {
  it('starts the command again beside itself, and drains the old one when the new one is ready', () => {
    const world = dev()
    world.send({ type: 'changed' })
    expect(kinds(world.state)).toEqual(['1 ready', '2 starting'])
    world.ready()
    expect(kinds(world.state)).toEqual(['1 draining', '2 ready'])
  })

  it('that does not start leaves the old one alone, and is not tried again until the next', () => {
    const world = dev()
    world.send({ type: 'changed' })
    world.exit(world.newest('starting'))
    expect(kinds(world.state)).toEqual(['1 ready'])
    world.pass(600_000)
    expect(kinds(world.state)).toEqual(['1 ready'])
    world.send({ type: 'changed' })
    world.ready()
    expect(kinds(world.state)).toEqual(['1 draining', '3 ready'])
  })

  it('during a start takes its place', () => {
    const world = dev()
    world.send({ type: 'changed' })
    world.send({ type: 'changed' })
    expect(kinds(world.state)).toEqual(['1 ready', '2 draining', '3 starting'])
    world.ready(world.newest('starting'))
    expect(world.of(1)).toMatchObject([{ state: { kind: 'draining' } }])
  })

  it('during a start under exclusive ends in what is there last', () => {
    const world = World.command({ waitsForChange: true, strategy: 'exclusive' })
    world.send({ type: 'changed' })
    world.drained()
    world.send({ type: 'changed' })
    for (let round = 0; round < 4; round++) {
      world.drained()
      world.allReady()
    }
    expect(world.state.promotion).toBeNull()
    const [only] = world.state.workers
    expect(only).toMatchObject({ state: { kind: 'ready' } })
    expect(only!.generation).toBeGreaterThan(2)
  })

  it('starts what has never come up at once', () => {
    const world = new World({ source: null, waitsForChange: true }, EMPTY_LEDGER)
    world.boot()
    world.exit(world.newest('starting'))
    expect(kinds(world.state)).toEqual(['1 back-off'])
    expect(wakeAt(world.state, world.now)).toBe(Number.POSITIVE_INFINITY)
    world.send({ type: 'changed' })
    world.ready(world.newest('starting'))
    expect(kinds(world.state)).toEqual(['2 ready'])
  })

  it('is nothing to a master that stops', () => {
    const world = dev()
    world.send({ type: 'stop', reason: 'SIGINT', isUrgent: false, status: 0 })
    world.send({ type: 'changed' })
    expect(world.did('spawn')).toEqual([])
  })
})

it('a worker that has served is started again by itself, and waits for a change when that fails', () => {
  const world = dev()
  world.exit(world.newest('ready'), behaviour('exited with 1'))
  world.pass(100)
  expect(kinds(world.state)).toEqual(['1 starting'])
  world.exit(world.newest('starting'))
  const failed = world.effects.flatMap((effect) =>
    effect.type === 'emit' && effect.event.type === 'worker-failed' ? [effect.event.retryInMs] : [],
  )
  expect(failed).toEqual([100, null])
})
