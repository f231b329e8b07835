import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Input, Policy, SettingsChange } from '../../src/core/state.ts'
import { behaviour, build, POLICY, World } from './world.ts'

function change(policy: Partial<Policy> = {}, own: Partial<SettingsChange> = {}): Input {
  const all = { policy: { ...POLICY, ...policy }, instances: null, needsWorkers: false, listeners: [], ...own }
  return { type: 'settings-changed', change: all }
}

/** What becomes of a change: taken up `now` or `later`, when the promotion has ended, or `never`. */
const TABLE: Record<string, ['now' | 'later' | 'never', () => World]> = {
  'at the first check': [
    'now',
    () => {
      const world = new World()
      world.boot()
      return world
    },
  ],
  serving: ['now', () => World.serving('1')],
  'serving a command': ['now', () => World.command()],
  'while a worker waits for its next start': [
    'now',
    () => {
      const world = World.serving('1')
      world.exit(world.newest('ready'))
      return world
    },
  ],
  'during the preflight': ['later', () => upgrading({ hasPreflight: true })],
  'during the before-hook': ['later', () => upgrading({ hasBeforeHook: true })],
  'while the new build starts': ['later', () => upgrading()],
  'while the old ones leave': ['later', () => upgrading({ strategy: 'exclusive' })],
  'in probation': ['later', () => ready(upgrading())],
  'while the commit waits for the disk': [
    'later',
    () => {
      const world = ready(upgrading())
      world.diskError = 'ENOSPC'
      world.pass(10_000)
      return world
    },
  ],
  'on the way back': [
    'later',
    () => {
      const world = ready(upgrading())
      world.exit(world.newest('ready'))
      return world
    },
  ],
  'during a restart': [
    'later',
    () => {
      const world = World.serving('1')
      world.send({ type: 'restart' })
      return world
    },
  ],
  'while it stops': [
    'never',
    () => {
      const world = World.serving('1')
      world.send({ type: 'stop', reason: 'TERM', isUrgent: false, status: 0 })
      return world
    },
  ],
}

function upgrading(policy: Partial<Policy> = {}): World {
  const world = World.serving('1', policy)
  world.publish(build('2'))
  return world
}

function ready(world: World): World {
  world.ready()
  return world
}

/** The disk works, workers come up and go, and time passes. */
function leaveInPeace(world: World): void {
  world.diskError = null
  for (let round = 0; round < 8; round++) {
    world.drained()
    world.preflight(null)
    world.beforeHook(null)
    world.allReady()
    world.send({ type: 'stager', report: { type: 'unchanged', known: null } })
    world.pass(31_000)
  }
}

describe('new settings', () => {
  for (const [when, [verdict, make]] of Object.entries(TABLE)) {
    it(`${when}: ${verdict}`, () => {
      const world = make()
      world.effects = []
      world.send(change({ source: world.state.policy.source, drainTimeoutMs: 7 }, { needsWorkers: true }))
      expect(world.did('apply-settings')).toHaveLength(verdict === 'now' ? 1 : 0)
      expect(world.state.policy.drainTimeoutMs === 7).toBe(verdict === 'now')
      leaveInPeace(world)
      expect(world.did('apply-settings')).toHaveLength(verdict === 'never' ? 0 : 1)
      expect(world.state.policy.drainTimeoutMs === 7).toBe(verdict !== 'never')
    })
  }

  it('come before whatever is started with them, written down', () => {
    const world = World.serving('1')
    const listeners = [{ address: '*:81', inode: 9 }]
    world.send(change({}, { needsWorkers: true, listeners }))
    const order = world.effects.map(({ type }) => type).filter((type) => type !== 'emit')
    expect(order).toEqual(['apply-settings', 'save', 'spawn'])
    expect(world.disk.listeners).toEqual(listeners)
  })

  it('that workers were started with reach them in a new generation, without losing one', () => {
    const world = World.serving('1')
    const old = world.newest('ready')!
    world.send(change({ launch: 'launch-2' }, { needsWorkers: true }))
    expect(world.state.promotion).toMatchObject({ purpose: 'restart', state: 'starting' })
    expect(world.did('drain')).toEqual([])
    world.ready()
    expect(world.did('drain')).toMatchObject([{ worker: old.id }])
    expect(world.settled()).toMatchObject([{ activity: 'restart', outcome: 'restarted' }])
  })

  it('with which nobody gets ready leave the old generation serving, and are tried again later', () => {
    const world = World.serving('1')
    world.send(change({}, { needsWorkers: true }))
    world.exit(world.newest('starting'))
    expect(world.state.workers).toMatchObject([{ generation: 1, state: { kind: 'ready' } }])
    world.pass(30_000)
    expect(world.state.promotion).toMatchObject({ purpose: 'restart' })
    world.ready()
    expect(world.state.serving?.generation).toBe(3)
  })

  it('that only the master minds start nobody', () => {
    const world = World.serving('1')
    world.send(change({ drainTimeoutMs: 5, intervalMs: 500 }))
    expect(world.did('spawn')).toEqual([])
  })

  it('of which two come during a promotion count as the last one says', () => {
    const world = upgrading()
    world.send(change({ drainTimeoutMs: 1 }))
    world.send(change({ drainTimeoutMs: 2 }))
    world.exit(world.newest('starting'))
    expect(world.did('apply-settings')).toHaveLength(1)
    expect(world.state.policy.drainTimeoutMs).toBe(2)
  })

  it('change the number of workers, and leave it as TTIN made it where the number is the same', () => {
    const world = World.serving('1')
    world.send({ type: 'scale', by: 1 })
    world.allReady()
    world.send(change())
    expect(world.state.instances).toBe(2)
    world.send(change({}, { instances: 4 }))
    world.allReady()
    expect(world.state.workers).toHaveLength(4)
  })

  describe('of the source', () => {
    it('are asked at once, and the check of the old one is ended', () => {
      const world = World.serving('1')
      world.pass(1_000)
      expect(world.state.pipeline?.state).toBe('checking')
      world.effects = []
      world.send(change({ source: 'file:/other' }))
      expect(world.did('stop-check')).toHaveLength(1)
      world.pass(0)
      expect(world.did('stage')).toHaveLength(1)
      world.send({ type: 'stager', report: { type: 'unchanged', known: 'k' } })
      expect(world.state.ledger.known).toMatchObject({ source: 'file:/other', value: 'k' })
    })

    it('forget what the old one has staged, and whoever waits for that gets an answer', () => {
      const world = World.serving('1')
      world.send({ type: 'pause' })
      world.publish(build('2'))
      expect(world.disk.candidate).not.toBeNull()
      world.send(change({ source: 'file:/other' }))
      expect(world.disk.candidate).toBeNull()
    })

    it('lift what was held back under another launch', () => {
      const world = World.serving('1')
      world.publish(build('2'))
      world.exit(world.newest('starting'), behaviour())
      expect(world.disk.quarantine).toHaveLength(1)
      world.send(change({ launch: 'launch-2', look: 'look-2' }))
      world.pass(0)
      world.publish(build('2'))
      expect(world.state.promotion).toMatchObject({ target: { version: '2' } })
    })

    it('an answer is owed to somebody comes from the next check', () => {
      const world = World.serving('1')
      world.send({ type: 'upgrade', again: false })
      world.send(change({ source: 'file:/other' }))
      world.pass(0)
      world.send({ type: 'stager', report: { type: 'unchanged', known: null } })
      expect(world.settled()).toMatchObject([{ activity: 'upgrade', outcome: 'unchanged' }])
    })

    it('an answer to --reset-trust comes from it as well, and is remembered', () => {
      const world = World.serving('1')
      world.pass(1_000)
      expect(world.state.pipeline?.state).toBe('checking')
      world.send({ type: 'upgrade', again: false, resetTrust: true })
      world.send(change({ look: 'look-2' }))
      world.pass(0)
      const report = { type: 'refused', build: null, version: '2', reason: 'is too young', known: 2 } as const
      world.send({ type: 'stager', report })
      expect(world.settled()).toMatchObject([{ activity: 'upgrade', outcome: 'refused' }])
      expect(world.disk.known).toMatchObject({ value: 2 })
    })
  })

  it('with a shorter interval are felt at once, but not before the source may be asked again', () => {
    const slow = { intervalMs: 3_600_000 }
    const free = World.serving('1', slow)
    free.send(change({ intervalMs: 50 }))
    free.effects = []
    free.pass(50)
    expect(free.did('stage')).toHaveLength(1)

    const held = World.serving('1', slow)
    held.send({ type: 'upgrade', again: false })
    held.send({ type: 'stager', report: { type: 'unchanged', known: null, waitMs: 60_000 } })
    held.send(change({ intervalMs: 50 }))
    held.effects = []
    held.pass(59_999)
    expect(held.did('stage')).toEqual([])
    held.pass(1)
    expect(held.did('stage')).toHaveLength(1)
  })

  it('that turn to exclusive let a start wait for the end of the old ones, and not for time', () => {
    const world = World.serving('1')
    world.send(change({}, { needsWorkers: true }))
    world.allReady()
    world.send(change({ strategy: 'exclusive' }))
    world.exit(world.newest('ready'))
    world.effects = []
    world.pass(1_000)
    expect(world.did('spawn')).toEqual([])
    world.drained()
    expect(world.did('spawn')).toHaveLength(1)
  })

  it('of any strategy may come at any moment: in the end the wanted number serves', () => {
    const strategy = fc.constantFrom('blue-green' as const, 'rolling' as const, 'exclusive' as const)
    const move = fc.oneof(
      fc.record({
        do: fc.constant('settings' as const),
        strategy,
        needsWorkers: fc.boolean(),
        instances: fc.option(fc.integer({ min: 1, max: 3 })),
      }),
      fc.record({
        do: fc.constantFrom(
          'publish' as const,
          'ready' as const,
          'exit' as const,
          'drained' as const,
          'restart' as const,
        ),
      }),
      fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 1_000, 31_000) }),
    )
    void fc.assert(
      fc.property(strategy, fc.array(move, { maxLength: 40 }), (first, moves) => {
        const world = World.serving('1', { strategy: first })
        let version = 1
        for (const one of moves) {
          if (one.do === 'settings') {
            const { strategy: next, needsWorkers, instances } = one
            world.send(change({ strategy: next }, { needsWorkers, instances }))
          } else if (one.do === 'pass') world.pass(one.ms)
          else if (one.do === 'publish') world.publish(build(String(++version)))
          else if (one.do === 'ready') world.allReady()
          else if (one.do === 'drained') world.drained()
          else if (one.do === 'restart') world.send({ type: 'restart' })
          else {
            const worker = world.newest('ready') ?? world.newest('starting')
            if (worker) world.exit(worker)
          }
        }
        leaveInPeace(world)
        expect(world.state.settingsAsked).toBeNull()
        expect(world.state.promotion).toBeNull()
        const { workers, instances } = world.state
        expect(workers.filter(({ state }) => state.kind === 'ready')).toHaveLength(instances)
      }),
      { numRuns: 2_000 },
    )
  })
})
