/** The promises of the design as properties: they hold for any sequence of events, crashes and full disks. */

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Build } from '../../src/core/build.ts'
import { EMPTY_LEDGER } from '../../src/core/ledger.ts'
import { heldBy } from '../../src/core/quarantine.ts'
import type { Strategy } from '../../src/core/settings.ts'
import type { Input, SettingsChange, State } from '../../src/core/state.ts'
import { wakeAt } from '../../src/core/supervisor.ts'
import { hasProcess } from '../../src/core/workers.ts'
import { BOOT, behaviour, build, machine, World } from './world.ts'

type Move =
  | { do: 'publish'; version: number; ask: 'plain' | null }
  | {
      do:
        | 'refuse'
        | 'unchanged'
        | 'error'
        | 'poke'
        | 'restart'
        | 'pause'
        | 'resume'
        | 'preflight-ok'
        | 'preflight-bad'
        | 'hook-ok'
        | 'hook-bad'
        | 'crash'
        | 'rollback'
        | 'again'
        | 'listener-lost'
        | 'changed'
        | 'all-ready'
        | 'all-drained'
    }
  | { do: 'ready' | 'exit' | 'exit-machine' | 'fail' | 'fail-probe'; pick: number }
  | { do: 'pass'; ms: number }
  | { do: 'disk'; works: boolean }
  | { do: 'scale'; by: 1 | -1 }
  | { do: 'settings'; launch: number; instances: number | null; needsWorkers: boolean; isOtherSource: boolean }

const always = (...names: string[]) => names.map((name) => fc.constant({ do: name } as Move))

const move = (withOperator: boolean): fc.Arbitrary<Move> =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('publish' as const),
        version: fc.integer({ min: 1, max: 6 }),
        ask: fc.constantFrom('plain' as const, null),
      }),
    },
    { weight: 14, arbitrary: fc.record({ do: fc.constantFrom('ready' as const), pick: fc.nat(5) }) },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constantFrom('exit' as const, 'exit-machine' as const, 'fail' as const, 'fail-probe' as const),
        pick: fc.nat(5),
      }),
    },
    // Without these two a promotion hardly ever gets to its end.
    { weight: 8, arbitrary: fc.constant({ do: 'all-ready' } as Move) },
    { weight: 8, arbitrary: fc.constant({ do: 'all-drained' } as Move) },
    {
      weight: 8,
      arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 100, 1_000, 10_000, 31_000) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('disk' as const), works: fc.boolean() }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('scale' as const), by: fc.constantFrom(1 as const, -1 as const) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('settings' as const),
        launch: fc.integer({ min: 1, max: 2 }),
        instances: fc.option(fc.integer({ min: 1, max: 3 })),
        needsWorkers: fc.boolean(),
        isOtherSource: fc.boolean(),
      }),
    },
    ...always(
      'refuse',
      'unchanged',
      'error',
      'poke',
      'restart',
      'pause',
      'resume',
      'preflight-ok',
      'preflight-bad',
      'hook-ok',
      'hook-bad',
      'crash',
      'listener-lost',
      'changed',
    ),
    ...(withOperator ? always('rollback', 'again') : []),
  )

interface Setup {
  strategy: Strategy
  instances: number
  hasPreflight: boolean
  hasBeforeHook: boolean
  /** Committed before, or a first start. */
  committed: Build | null
}

const setup: fc.Arbitrary<Setup> = fc.record({
  strategy: fc.constantFrom('blue-green', 'rolling', 'exclusive'),
  instances: fc.integer({ min: 1, max: 3 }),
  hasPreflight: fc.boolean(),
  hasBeforeHook: fc.boolean(),
  committed: fc.constantFrom(build('0'), null),
})

/** Plays the moves; a crash boots a new master from what the disk holds. */
function play(setting: Setup, moves: readonly Move[], watch: (world: World) => void): World {
  const { instances, committed, ...policy } = setting
  let world = new World(policy, { ...EMPTY_LEDGER, committed }, instances)
  watch(world)
  world.boot()
  for (const one of moves) {
    if (one.do !== 'crash') {
      apply(world, one)
      continue
    }
    const left = world.state.workers.filter((worker) => worker.pid !== null && worker.state.kind === 'ready')
    const next = new World(policy, world.disk, instances)
    watch(next)
    next.send({ ...BOOT, orphans: left.map((worker) => ({ pid: worker.pid!, build: worker.build })) })
    world = next
  }
  return world
}

function apply(world: World, one: Move): void {
  const pick = (n: number) => {
    const running = world.state.workers.filter((worker) => worker.pid !== null)
    return running[n % Math.max(1, running.length)]
  }
  const stager = (report: Extract<Input, { type: 'stager' }>['report']) => world.send({ type: 'stager', report })
  switch (one.do) {
    case 'publish':
      return world.publish(build(String(one.version)), one.ask)
    case 'again':
      return world.publish(build('1'), 'again')
    case 'refuse':
      return void stager({ type: 'refused', build: 'sha256-bad', version: 'bad', reason: 'is empty', known: null })
    case 'unchanged':
      return void stager({ type: 'unchanged', known: null })
    case 'error':
      return void stager({ type: 'error', message: 'no route to host' })
    case 'preflight-ok':
      return world.preflight(null)
    case 'preflight-bad':
      return world.preflight(behaviour('preflight exited with 1'))
    case 'hook-ok':
      return world.beforeHook(null)
    case 'hook-bad':
      return world.beforeHook(behaviour('the operator says no'))
    case 'poke':
    case 'restart':
    case 'pause':
    case 'resume':
    case 'rollback':
    case 'changed':
      return void world.send({ type: one.do })
    case 'listener-lost':
      return void world.send({ type: 'listener-lost', listeners: [{ address: '*:80', inode: 7 }] })
    case 'scale':
      return void world.send({ type: 'scale', by: one.by })
    case 'settings':
      return void world.send({ type: 'settings-changed', change: changeOf(world.state, one) })
    case 'disk':
      world.diskError = one.works ? null : 'ENOSPC'
      return
    case 'pass':
      return world.pass(one.ms)
    case 'all-ready':
      return world.allReady()
    case 'all-drained':
      return world.drained()
    case 'crash':
      return
  }
  const worker = pick(one.pick)
  if (!worker) return
  const of = { worker: worker.id, pid: worker.pid! }
  if (one.do === 'ready') return world.ready(worker)
  if (one.do === 'exit') return world.exit(worker)
  if (one.do === 'exit-machine') return world.exit(worker, machine())
  world.send({ type: 'worker-failed', ...of, failure: { ...behaviour(), isProbe: one.do === 'fail-probe' } })
}

function changeOf({ policy }: State, one: Extract<Move, { do: 'settings' }>): SettingsChange {
  const { instances, needsWorkers } = one
  const launch = `launch-${one.launch}`
  const source = one.isOtherSource ? 'file:/other' : policy.source
  const strategy = { 'blue-green': 'rolling', rolling: 'blue-green', exclusive: 'exclusive' } as const
  const next = { ...policy, launch, look: launch, source, strategy: strategy[policy.strategy] }
  return { policy: next, instances, needsWorkers, listeners: [] }
}

const readyWorkers = (state: State) => state.workers.filter((worker) => worker.state.kind === 'ready')
const runs = { numRuns: 3_000 }
const moves = (withOperator: boolean) => fc.array(move(withOperator), { maxLength: 60 })

describe('for any sequence of events', () => {
  it('no worker is told to go while fewer than the wanted number of others are ready, unless exclusive', () => {
    void fc.assert(
      fc.property(setup, moves(true), (setting, sequence) => {
        if (setting.strategy === 'exclusive') return
        play(setting, sequence, (world) => {
          world.observe = (before, input, after) => {
            // These end workers themselves, or are the operator's own wish for fewer, or for those of before.
            if (
              ['worker-exited', 'worker-failed', 'scale', 'settings-changed', 'boot', 'rollback', 'changed'].includes(
                input.type,
              ) ||
              !before.serving ||
              !after.serving
            )
              return
            const wanted = Math.min(readyWorkers(before).length, after.instances, before.instances)
            expect(readyWorkers(after).length).toBeGreaterThanOrEqual(wanted)
          }
        })
      }),
      runs,
    )
  })

  it('under exclusive nothing is started beside another generation, nor beside one that it is to replace', () => {
    void fc.assert(
      fc.property(setup, moves(true), (setting, sequence) => {
        play({ ...setting, strategy: 'exclusive' }, sequence, (world) => {
          world.observe = (_before, _input, after, effects) => {
            if (!effects.some(({ type }) => type === 'spawn')) return
            const running = after.workers.filter(hasProcess)
            expect(new Set(running.map(({ generation }) => generation)).size).toBe(1)
            expect(running.length).toBeLessThanOrEqual(after.instances)
          }
        })
      }),
      runs,
    )
  })

  it('before a successor is ready nothing is sent to a worker of the serving generation', () => {
    void fc.assert(
      fc.property(setup, moves(true), (setting, sequence) => {
        if (setting.strategy === 'exclusive') return
        play(setting, sequence, (world) => {
          world.observe = (before, input, after, effects) => {
            for (const effect of effects) {
              if (effect.type !== 'drain' && effect.type !== 'kill') continue
              const target = before.workers.find((worker) => worker.id === effect.worker)
              const isSelf = 'worker' in input && input.type === 'worker-failed' && input.worker === effect.worker
              const wasDraining = target?.state.kind === 'draining'
              if (
                isSelf ||
                wasDraining ||
                target?.generation !== before.serving?.generation ||
                !before.serving?.isEstablished
              )
                continue
              if (after.instances < before.instances || !before.ledger.committed) continue
              const successors = readyWorkers(after).filter(
                (worker) => worker.generation !== before.serving?.generation,
              )
              expect(successors.length).toBeGreaterThan(0)
            }
          }
        })
      }),
      runs,
    )
  })

  it('a quarantined build never starts by itself', () => {
    void fc.assert(
      fc.property(setup, moves(false), (setting, sequence) => {
        play(setting, sequence, (world) => {
          world.observe = (before, _input, after, effects) => {
            for (const effect of effects) {
              if (effect.type !== 'spawn') continue
              expect(heldBy(before.ledger, effect.build.id, before.policy.launch)).toBeNull()
              expect(heldBy(after.ledger, effect.build.id, after.policy.launch)).toBeNull()
            }
          }
        })
      }),
      runs,
    )
  })

  it('never are two promotions under way, and none checks meanwhile', () => {
    void fc.assert(
      fc.property(setup, moves(true), (setting, sequence) => {
        play(setting, sequence, (world) => {
          world.observe = (before, _input, after, effects) => {
            const starting = new Set(
              after.workers.filter((worker) => worker.state.kind === 'starting').map((worker) => worker.generation),
            )
            expect(starting.size).toBeLessThanOrEqual(2)
            if (before.promotion && after.promotion) {
              expect(effects.some((effect) => effect.type === 'stage')).toBe(false)
            }
            // Each begins after the one before has said how it ended.
            let isUnderWay = before.promotion !== null
            for (const effect of effects) {
              if (effect.type === 'settle' || (effect.type === 'emit' && effect.event.type === 'promotion-failed'))
                isUnderWay = false
              if (effect.type !== 'emit' || effect.event.type !== 'promotion-started') continue
              expect(isUnderWay).toBe(false)
              isUnderWay = true
            }
          }
        })
      }),
      runs,
    )
  })

  it('what is started was recorded first, and a new master boots the committed build', () => {
    void fc.assert(
      fc.property(setup, moves(true), (setting, sequence) => {
        const staged = new Set<string>(setting.committed ? [setting.committed.id] : [])
        const world = play(setting, sequence, (each) => {
          each.observe = (before, input, _after, effects) => {
            if (input.type === 'stager' && input.report.type === 'staged') staged.add(input.report.build.id)
            for (const effect of effects) {
              if (effect.type !== 'spawn') continue
              const recorded = [
                each.disk.committed,
                each.disk.candidate?.build,
                each.disk.previous,
                before.serving?.build,
              ]
              expect(recorded.map((one) => one?.id)).toContain(effect.build.id)
            }
          }
        })
        const { committed } = world.disk
        if (!committed) return
        expect(staged).toContain(committed.id)
        const next = new World(setting, world.disk, setting.instances)
        next.boot()
        expect(next.did('spawn').map((effect) => effect.type === 'spawn' && effect.build.id)).toEqual(
          Array(setting.instances).fill(committed.id),
        )
      }),
      runs,
    )
  })

  it('no worker of a new build is started before its preflight and the operator have let it pass', () => {
    void fc.assert(
      fc.property(setup, moves(true), (setting, sequence) => {
        const passed = new Map<string, Set<number>>([
          ['preflight', new Set()],
          ['before-hook', new Set()],
        ])
        play(setting, sequence, (world) => {
          for (const generations of passed.values()) generations.clear()
          world.observe = (before, input, after, effects) => {
            if ((input.type === 'preflight' || input.type === 'before-hook') && input.failure === null)
              if (before.promotion?.state === input.type) passed.get(input.type)?.add(input.generation)
            for (const effect of effects) {
              if (effect.type !== 'spawn') continue
              const isNew = after.promotion?.purpose === 'upgrade' && after.promotion.generation === effect.generation
              if (!isNew) continue
              if (setting.hasPreflight) expect(passed.get('preflight')).toContain(effect.generation)
              if (setting.hasBeforeHook) expect(passed.get('before-hook')).toContain(effect.generation)
            }
          }
        })
      }),
      runs,
    )
  })

  it('the committed build is never in quarantine, and something serves whenever something is committed', () => {
    void fc.assert(
      fc.property(setup, moves(true), (setting, sequence) => {
        const world = play(setting, sequence, () => {})
        const { committed, quarantine } = world.state.ledger
        expect(quarantine.map((entry) => entry.build)).not.toContain(committed?.id)
        if (!committed) return
        // Left in peace, with a disk that works and workers that come up, it serves the wanted number.
        world.diskError = null
        for (let round = 0; round < 8; round++) {
          world.allReady()
          world.drained()
          world.preflight(null)
          world.beforeHook(null)
          world.send({ type: 'stager', report: { type: 'unchanged', known: null } })
          world.pass(31_000)
        }
        expect(world.state.promotion).toBeNull()
        expect(readyWorkers(world.state)).toHaveLength(world.state.instances)
      }),
      runs,
    )
  })

  it('a stop ends when its workers have ended, and keeps no time for later', () => {
    void fc.assert(
      fc.property(setup, moves(true), (setting, sequence) => {
        const world = play(setting, sequence, () => {})
        world.send({ type: 'stop', reason: 'SIGTERM', isUrgent: false, status: 0 })
        world.drained()
        expect(world.did('exit')).toHaveLength(1)
        expect(wakeAt(world.state, world.now)).toBe(Number.POSITIVE_INFINITY)
      }),
      runs,
    )
  })
})
