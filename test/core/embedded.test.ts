/** What the supervisor does otherwise where the program is its own master. */

import { describe, expect, it } from 'vitest'
import { EMPTY_LEDGER } from '../../src/core/ledger.ts'
import { behaviour, build, COMMAND, World } from './world.ts'

/** Serves as it lies there, with nothing committed. */
function installed(policy: ConstructorParameters<typeof World>[0] = {}): World {
  const world = new World({ isEmbedded: true, ...policy })
  world.boot()
  world.send({ type: 'stager', report: { type: 'unchanged', known: null } })
  world.allReady()
  world.effects = []
  return world
}

describe('a program with a release source', () => {
  it('serves as it lies there until a build is committed', () => {
    const world = installed()
    expect(world.state.workers).toMatchObject([{ build: COMMAND, state: { kind: 'ready' } }])
    world.publish(build('2'))
    expect(world.disk.committed).toBeNull()
    world.ready()
    world.drained()
    world.pass(10_000)
    expect(world.disk).toMatchObject({ committed: { version: '2' }, previous: null })
    expect(world.state.workers).toMatchObject([{ build: { version: '2' } }])
  })

  it('goes back to what lies there when the first build fails in probation', () => {
    const world = installed()
    world.publish(build('2'))
    world.ready()
    world.exit(world.of(2)[0])
    world.ready()
    expect(world.state.serving).toMatchObject({ build: COMMAND, isEstablished: true })
    expect(world.disk).toMatchObject({ committed: null, quarantine: [{ build: 'sha256-2' }] })
  })

  it('starts what lies there again when it dies', () => {
    const world = installed()
    world.exit(world.newest('ready'), behaviour())
    world.pass(100)
    expect(world.newest('starting')).toMatchObject({ build: COMMAND })
  })
})

describe('where a build is promoted only when asked', () => {
  const waiting = { promotes: 'when-asked' } as const

  it('what is staged waits, and is started by the restart signal', () => {
    const world = World.serving('1', waiting)
    world.publish(build('2'))
    world.pass(500)
    expect(world.did('spawn')).toEqual([])
    expect(world.disk.candidate).toMatchObject({ build: { version: '2' }, attemptsLeft: 3 })
    world.send({ type: 'poke' })
    world.send({ type: 'stager', report: { type: 'unchanged', known: null } })
    expect(world.state.promotion).toMatchObject({ purpose: 'upgrade', target: { version: '2' } })
  })

  it('what is staged is started by the next start of the master, but not while it is paused', () => {
    for (const paused of [false, true]) {
      const candidate = { build: build('2'), attemptsLeft: 3 }
      const world = new World(waiting, { ...EMPTY_LEDGER, committed: build('1'), candidate, paused })
      world.boot()
      world.send({ type: 'stager', report: { type: 'unchanged', known: null } })
      world.allReady()
      expect(world.state.promotion !== null).toBe(!paused)
    }
  })
})
