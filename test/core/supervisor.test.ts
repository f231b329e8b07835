import { describe, expect, it } from 'vitest'
import { EMPTY_LEDGER } from '../../src/core/ledger.ts'
import { wakeAt } from '../../src/core/supervisor.ts'
import type { Worker } from '../../src/core/workers.ts'
import { BOOT, behaviour, build, COMMAND, machine, World } from './world.ts'

describe('an upgrade', () => {
  it('starts the new build beside the old one, hands over when it is ready and commits after probation', () => {
    const world = World.serving('1')
    world.publish(build('2'))
    expect(world.did('drain')).toEqual([])
    expect(world.disk.candidate).toMatchObject({ build: { version: '2' }, attemptsLeft: 2 })
    world.ready()
    expect(world.did('drain')).toHaveLength(1)
    expect(world.disk.committed?.version).toBe('1')
    world.drained()
    world.pass(9_999)
    expect(world.state.promotion?.state).toBe('probation')
    world.pass(1)
    expect(world.disk).toMatchObject({
      committed: { version: '2' },
      previous: { version: '1' },
      candidate: null,
      floor: '2',
    })
    expect(world.settled()).toMatchObject([{ activity: 'upgrade', outcome: 'committed' }])
    expect(world.did('sweep')).toHaveLength(1)
  })

  it('leaves the old build alone when the new one exits before it is ready, and holds the new one back', () => {
    const world = World.serving('1')
    world.publish(build('2'))
    world.exit(world.newest('starting'))
    expect(world.did('drain')).toEqual([])
    expect(world.state.workers).toHaveLength(1)
    expect(world.disk.quarantine).toMatchObject([{ build: 'sha256-2', rule: 'behaviour', launch: 'launch-1' }])
    expect(world.settled()).toMatchObject([{ outcome: 'rolled-back' }])
  })

  it('asks why, and fails, when the new build is not ready in time', () => {
    const world = World.serving('1')
    world.publish(build('2'))
    world.pass(30_000)
    const [diagnose] = world.did('diagnose')
    expect(diagnose).toMatchObject({ type: 'diagnose' })
    const worker = world.newest('starting')!
    world.send({
      type: 'worker-failed',
      worker: worker.id,
      pid: worker.pid!,
      failure: behaviour('never took the socket'),
    })
    expect(world.did('drain')).toMatchObject([{ worker: worker.id }])
    expect(world.disk.quarantine[0]?.reason).toBe('never took the socket')
  })

  it('starts the old build again when the new one dies in probation, and says so once it serves', () => {
    const world = World.serving('1')
    world.publish(build('2'))
    world.ready()
    world.drained()
    world.exit(world.newest('ready'), behaviour('exited with 3'))
    expect(world.state.promotion?.state).toBe('returning')
    expect(world.state.workers).toMatchObject([{ build: { version: '1' }, state: { kind: 'starting' } }])
    expect(world.settled()).toEqual([])
    world.ready()
    expect(world.settled()).toMatchObject([{ outcome: 'rolled-back' }])
    expect(world.disk).toMatchObject({ committed: { version: '1' }, quarantine: [{ version: '2' }], candidate: null })
  })

  it('keeps a new build with a failing probe until the old one is ready again, and drains it then', () => {
    const world = World.serving('1')
    world.publish(build('2'))
    world.ready()
    world.drained()
    world.effects = []
    const bad = world.newest('ready')!
    world.send({
      type: 'worker-failed',
      worker: bad.id,
      pid: bad.pid!,
      failure: { kind: 'behaviour', reason: 'answered 500', isProbe: true },
    })
    expect(world.did('drain')).toEqual([])
    world.ready()
    expect(world.did('drain')).toMatchObject([{ worker: bad.id }])
    expect(world.disk.quarantine).toHaveLength(1)
  })

  it('gives no verdict when the old build fails the same probe', () => {
    const world = World.serving('1')
    world.publish(build('2'))
    world.ready()
    world.drained()
    const bad = world.newest('ready')!
    world.send({
      type: 'worker-failed',
      worker: bad.id,
      pid: bad.pid!,
      failure: { kind: 'behaviour', reason: 'answered 500', isProbe: true },
    })
    world.exit(world.newest('starting'))
    expect(world.disk.quarantine).toEqual([])
    expect(world.disk.candidate?.attemptsLeft).toBe(2)
  })

  it('tries a candidate three times when the machine fails, and holds it then', () => {
    const world = World.serving('1')
    world.publish(build('2'))
    for (const left of [2, 1]) {
      world.exit(world.newest('starting'), machine('killed by SIGKILL, not by autoup'))
      expect(world.disk.quarantine).toEqual([])
      expect(world.disk.candidate?.attemptsLeft).toBe(left)
      world.pass(5_000)
      world.send({ type: 'stager', report: { type: 'unchanged', known: null } })
    }
    world.exit(world.newest('starting'), machine('killed by SIGKILL, not by autoup'))
    expect(world.disk.quarantine[0]?.reason).toContain('no verdict, and no attempt is left')
    expect(world.disk.candidate).toBeNull()
  })

  it('is not started when it cannot be recorded', () => {
    const world = World.serving('1')
    world.diskError = 'ENOSPC'
    world.effects = []
    world.publish(build('2'))
    expect(world.did('spawn')).toEqual([])
    expect(world.state.workers).toHaveLength(1)
    expect(world.state.ledger.candidate?.attemptsLeft).toBe(3)
  })

  it('waits for a record that can be written, and is promoted then', () => {
    const world = World.serving('1')
    world.diskError = 'ENOSPC'
    world.effects = []
    world.publish(build('2'))
    world.pass(600)
    world.send({ type: 'stager', report: { type: 'unchanged', known: null } })
    for (let second = 0; second < 60; second++) {
      world.pass(1_000)
      world.send({ type: 'stager', report: { type: 'unchanged', known: null } })
    }
    const told = world.effects.flatMap((effect) => (effect.type === 'emit' ? [effect.event.type] : []))
    expect(told.filter((type) => type === 'promotion-failed')).toHaveLength(1)
    world.diskError = null
    world.pass(1_000)
    world.send({ type: 'stager', report: { type: 'unchanged', known: null } })
    world.pass(5_000)
    world.send({ type: 'stager', report: { type: 'unchanged', known: null } })
    expect(world.state.promotion).toMatchObject({ state: 'starting', target: { version: '2' } })
  })

  it('serves on uncommitted while the commit cannot be recorded, and commits when it can', () => {
    const world = World.serving('1')
    world.publish(build('2'))
    world.ready()
    world.diskError = 'EIO'
    world.pass(15_000)
    expect(world.state.promotion?.state).toBe('committing')
    expect(world.disk.committed?.version).toBe('1')
    world.diskError = null
    world.pass(1_000)
    expect(world.disk.committed?.version).toBe('2')
  })

  it('is forgotten when the source has what runs again, be it by a pause or by trouble that it waited', () => {
    const world = World.serving('1')
    world.send({ type: 'pause' })
    world.publish(build('2'))
    expect(world.disk.candidate).toMatchObject({ build: { version: '2' } })
    world.publish(build('1'), 'plain')
    expect(world.disk.candidate).toBeNull()
    expect(world.settled()).toMatchObject([{ outcome: 'unchanged' }])
    world.send({ type: 'resume' })
    expect(world.did('spawn')).toEqual([])
  })

  it('does not start while paused, but when the operator asks', () => {
    const world = World.serving('1')
    world.send({ type: 'pause' })
    world.publish(build('2'))
    expect(world.state.promotion).toBeNull()
    expect(world.disk.candidate?.build.version).toBe('2')
    world.pass(60_000)
    world.send({ type: 'stager', report: { type: 'unchanged', known: null } })
    expect(world.state.lastCheck, 'what is staged is newer than what runs').toMatchObject({
      message: '2 is the newest',
    })
    world.send({ type: 'upgrade', again: false })
    world.send({ type: 'stager', report: { type: 'unchanged', known: null } })
    expect(world.state.promotion?.state).toBe('starting')
  })

  it('replaces workers one by one when rolling', () => {
    const world = World.serving('1', { strategy: 'rolling' }, 3)
    world.publish(build('2'))
    expect(world.of(2)).toHaveLength(1)
    world.ready()
    expect(world.did('drain')).toHaveLength(1)
    expect(world.of(2)).toHaveLength(2)
    world.ready()
    world.ready()
    expect(world.did('drain')).toHaveLength(3)
    expect(world.state.promotion?.state).toBe('probation')
  })

  it('brings the old workers back when a rolling upgrade fails half way', () => {
    const world = World.serving('1', { strategy: 'rolling' }, 2)
    world.publish(build('2'))
    world.ready()
    world.exit(world.newest('starting'))
    world.drained()
    expect(
      world.state.workers.filter((worker) => worker.build.version === '1' && worker.state.kind !== 'draining'),
    ).toHaveLength(2)
  })

  it('stops the old workers first when exclusive, and starts them again when the new one fails', () => {
    const world = World.serving('1', { strategy: 'exclusive' })
    world.publish(build('2'))
    expect(world.state.promotion?.state).toBe('vacating')
    expect(world.of(2)).toEqual([])
    world.drained()
    expect(world.of(2)).toHaveLength(1)
    world.exit(world.newest('starting'))
    expect(world.state.workers).toMatchObject([{ build: { version: '1' }, state: { kind: 'starting' } }])
    world.ready()
    expect(world.settled()).toMatchObject([{ outcome: 'rolled-back' }])
  })

  it('runs the preflight before any worker', () => {
    const world = World.serving('1', { hasPreflight: true })
    world.publish(build('2'))
    expect(world.of(2)).toEqual([])
    world.preflight(null)
    expect(world.of(2)).toHaveLength(1)
  })

  it.each([
    ['preflight', { hasPreflight: true }],
    ['before-hook', { hasBeforeHook: true }],
  ] as const)('hears of its own %s only, not of one that was called off', (type, policy) => {
    const world = World.serving('1', policy)
    world.publish(build('2'))
    const calledOff = world.state.promotion!.generation
    world.send({ type: 'rollback' })
    world.publish(build('3'))
    for (const failure of [null, behaviour('preflight exited with 1')]) {
      world.send({ type, generation: calledOff, failure })
      expect(world.state.promotion).toMatchObject({ state: type, target: { version: '3' } })
    }
  })

  it('asks the operator after the preflight and before any worker, and holds what is turned down', () => {
    const world = World.serving('1', { hasPreflight: true, hasBeforeHook: true })
    world.publish(build('2'))
    world.beforeHook(null)
    expect(world.state.promotion?.state).toBe('preflight')
    world.preflight(null)
    expect(world.did('before-hook')).toMatchObject([{ generation: 2, build: { version: '2' } }])
    expect(world.of(2)).toEqual([])
    world.beforeHook(behaviour('before-promote: no'))
    expect(world.did('spawn')).toEqual([])
    expect(world.did('drain')).toEqual([])
    expect(world.disk).toMatchObject({ candidate: null, quarantine: [{ version: '2', reason: 'before-promote: no' }] })
    expect(world.settled()).toMatchObject([{ activity: 'upgrade', outcome: 'rolled-back' }])
    world.publish(build('3'))
    world.preflight(null)
    world.beforeHook(null)
    expect(world.of(3)).toHaveLength(1)
  })

  it('asks nobody before a rollback by hand and a restart', () => {
    const world = World.serving('1', { hasBeforeHook: true })
    world.publish(build('2'))
    world.beforeHook(null)
    world.ready()
    world.pass(10_000)
    world.effects = []
    world.send({ type: 'rollback' })
    world.ready()
    world.pass(10_000)
    world.send({ type: 'restart' })
    expect(world.did('before-hook')).toEqual([])
    expect(world.newest('starting')?.build.version).toBe('1')
  })

  it('waits for nobody that has died beside the one that failed it', () => {
    const world = World.serving('1', {}, 2)
    world.publish(build('2'))
    world.allReady()
    world.drained()
    for (const worker of world.of(2)) world.exit(worker)
    expect(world.state.promotion?.state).toBe('returning')
    expect(world.of(2)).toEqual([])
    world.pass(1_000)
  })

  for (const [what, spoil] of [
    ['its probe fails in probation', (world: World) => fail(world, world.newest('ready'), true)],
    ['one of two dies in probation', (world: World) => world.exit(world.newest('ready'))],
  ] as const) {
    it(`makes room for the old build under exclusive when ${what}`, () => {
      const world = World.serving('1', { strategy: 'exclusive' }, 2)
      world.publish(build('2'))
      world.drained()
      world.allReady()
      spoil(world)
      world.drained()
      world.allReady()
      expect(world.state.promotion).toBeNull()
      expect(world.state.workers.map((worker) => worker.build.version)).toEqual(['1', '1'])
      expect(world.disk.quarantine).toMatchObject([{ version: '2' }])
    })
  }

  it('makes room for the old build under exclusive when one of two dies before it is ready', () => {
    const world = World.serving('1', { strategy: 'exclusive' }, 2)
    world.publish(build('2'))
    world.drained()
    world.exit(world.newest('starting'))
    world.drained()
    world.allReady()
    expect(world.state.promotion).toBeNull()
    expect(world.state.workers.map((worker) => worker.build.version)).toEqual(['1', '1'])
  })

  it('is still insisted on when a newer build comes while it waits for another attempt', () => {
    const world = World.serving('1')
    world.send({ type: 'pause' })
    world.publish(build('2'), 'plain')
    world.exit(world.newest('starting'), machine())
    world.publish(build('3'))
    expect(world.state.promotion?.target.version).toBe('3')
  })

  it('is recorded, refused and not fetched again when the bytes are bad', () => {
    const world = World.serving('1')
    world.send({ type: 'upgrade', again: false })
    world.send({
      type: 'stager',
      report: { type: 'refused', build: 'sha256-bad', version: 'bad', reason: 'is empty', known: 7 },
    })
    expect(world.disk.quarantine).toMatchObject([{ build: 'sha256-bad', rule: 'bytes' }])
    expect(world.disk.known?.value).toBe(7)
    expect(world.settled()).toMatchObject([{ outcome: 'refused' }])
  })
})

describe('a release with the bytes that run', () => {
  const again = { ...build('1'), version: '1.1', proofs: ['minisign'] }

  it('under a higher version is that version from now on, and restarts nobody', () => {
    const world = World.serving('1')
    world.send({ type: 'upgrade', again: false })
    world.effects = []
    world.send({ type: 'stager', report: { type: 'staged', build: again, known: 2 } })
    expect(world.disk).toMatchObject({
      committed: { id: build('1').id, version: '1.1', proofs: ['minisign'] },
      floor: '1.1',
      ratchet: 'minisign',
      candidate: null,
    })
    expect(world.state.promotion).toBeNull()
    expect(world.settled()).toMatchObject([{ outcome: 'unchanged', version: '1.1' }])
  })

  it('leaves an embedded program the version that it says itself', () => {
    const world = World.serving('1', { isEmbedded: true })
    world.send({ type: 'upgrade', again: false })
    world.send({ type: 'stager', report: { type: 'staged', build: again, known: 2 } })
    expect(world.disk.committed).toMatchObject({ version: '1' })
  })
})

describe('quarantine', () => {
  it('lets a held build start again only when asked, and only once', () => {
    const world = World.serving('1')
    world.publish(build('2'))
    world.exit(world.newest('starting'))
    world.publish(build('2'))
    expect(world.state.promotion).toBeNull()
    world.publish(build('2'), 'again')
    expect(world.disk.candidate?.attemptsLeft).toBe(0)
    world.exit(world.newest('starting'), machine())
    expect(world.disk.candidate).toBeNull()
    expect(world.disk.quarantine).toHaveLength(1)
  })

  it('answers an upgrade that finds nothing newer with the verdict there was', () => {
    const world = World.serving('1')
    world.publish(build('2'))
    world.exit(world.newest('starting'), behaviour('exited with 3'))
    world.effects = []
    world.send({ type: 'upgrade', again: false })
    world.send({ type: 'stager', report: { type: 'unchanged', known: 'sha256-2' } })
    expect(world.settled()).toMatchObject([{ outcome: 'quarantined', version: '2' }])
  })

  it('is what a later check speaks of, while the source still offers the held build', () => {
    const world = World.serving('1')
    world.publish(build('2'))
    world.exit(world.newest('starting'), behaviour('exited with 3'))
    world.pass(60_000)
    world.send({ type: 'stager', report: { type: 'unchanged', known: 'sha256-2' } })
    expect(world.state.lastCheck).toMatchObject({
      result: 'unchanged',
      message: expect.stringMatching(/^2 .*is in quarantine/),
    })
  })

  it('says once of a held build that there is nothing else to run', () => {
    const held = { type: 'held', build: 'sha256-2', version: '2', reason: 'exited with 1', known: 1 } as const
    const world = new World()
    world.send(BOOT)
    for (const _ of [1, 2]) {
      world.send({ type: 'stager', report: held })
      world.pass(60_000)
    }
    expect(world.settled()).toMatchObject([{ outcome: 'quarantined', version: '2' }])
    const serving = World.serving('1')
    serving.effects = []
    serving.send({ type: 'stager', report: held })
    expect(serving.settled()).toEqual([])
  })

  it('answers with the refusal, too, where that holds no build back', () => {
    const world = World.serving('1')
    const refused = { type: 'refused', build: null, version: '2', reason: 'is not executable', known: 2 } as const
    world.send({ type: 'upgrade', again: false })
    world.send({ type: 'stager', report: refused })
    world.send({ type: 'upgrade', again: false })
    world.send({ type: 'stager', report: { type: 'unchanged', known: 2 } })
    expect(world.settled()).toMatchObject([{ outcome: 'refused' }, { outcome: 'refused' }])
  })

  it('does not say of a build that it serves on when it has just died', () => {
    const world = World.serving('1')
    world.exit(world.newest('ready'))
    world.send({ type: 'upgrade', again: false })
    const refused = { type: 'refused', build: null, version: '2', reason: 'is not executable', known: 2 } as const
    world.send({ type: 'stager', report: refused })
    expect(world.settled()).toMatchObject([{ message: '2 was refused: is not executable; nothing serves' }])
  })

  it('goes on to say in the status what was refused, while the source has nothing else', () => {
    const world = World.serving('1')
    const refused = { type: 'refused', build: null, version: '2', reason: 'is not executable', known: 2 } as const
    for (const report of [refused, { type: 'unchanged', known: 2 }] as const) {
      world.pass(60_000)
      world.send({ type: 'stager', report })
      expect(world.state.lastCheck).toMatchObject({ message: '2 was refused: is not executable' })
    }
    expect(world.state.lastCheck).toMatchObject({ result: 'unchanged' })
  })

  it.each([
    { type: 'refused', build: null, version: '2', reason: 'is vouched for by less', known: 2 } as const,
    { type: 'unchanged', known: 2 } as const,
    { type: 'held', build: 'sha256-2', version: '2', reason: 'died', known: 2 } as const,
  ])('remembers nothing of a check that began before --reset-trust and ends as $type', (report) => {
    const world = World.serving('1')
    world.send({ type: 'upgrade', again: false })
    world.send({ type: 'upgrade', again: false, resetTrust: true })
    world.send({ type: 'stager', report })
    expect(world.disk).toMatchObject({ ratchet: null, known: null })
    // It is no answer either: the next check is.
    expect(world.settled()).toEqual([])
    world.pass(0)
    expect(world.state.pipeline).toMatchObject({ state: 'checking', asked: 'plain' })
    world.send({ type: 'stager', report: { type: 'staged', build: build('2'), known: 2 } })
    expect(world.disk).toMatchObject({ known: { value: 2 } })
    expect(world.state.promotion?.target.version).toBe('2')
  })

  it('forgets a verdict on behaviour when the launch has changed', () => {
    const world = World.serving('1')
    world.publish(build('2'))
    world.exit(world.newest('starting'))
    const next = new World({ launch: 'launch-2' }, world.disk)
    next.boot()
    next.allReady()
    next.publish(build('2'))
    expect(next.state.promotion?.target.version).toBe('2')
  })
})

it('answers whoever waits for a candidate that the source withdraws', () => {
  const world = World.serving('1', { intervalMs: 500 })
  world.publish(build('2'), 'plain')
  world.exit(world.newest('starting'), machine())
  world.pass(500)
  expect(world.state.pipeline).toMatchObject({ state: 'checking', asked: null })
  world.send({ type: 'stager', report: { type: 'staged', build: build('1'), known: 1 } })
  expect(world.disk.candidate).toBeNull()
  expect(world.settled()).toMatchObject([{ activity: 'upgrade', outcome: 'unchanged', version: '1' }])
})

describe('under exclusive', () => {
  it('a worker that is told to finish is replaced when it has', () => {
    const world = World.serving('1', { strategy: 'exclusive' }, 2)
    const worker = world.newest('ready')!
    world.send({ type: 'worker-failed', worker: worker.id, pid: worker.pid!, failure: behaviour('STOPPING=1') })
    world.pass(1_000)
    expect(world.did('spawn')).toEqual([])
    expect(world.of(1).map(({ state }) => state.kind)).toEqual(['ready', 'draining', 'back-off'])
    world.drained()
    expect(world.did('spawn')).toHaveLength(1)
  })

  it('so it is while the commit waits for the disk', () => {
    const world = World.serving('1', { strategy: 'exclusive' })
    world.publish(build('2'))
    world.drained()
    world.ready()
    world.diskError = 'ENOSPC'
    world.pass(10_000)
    expect(world.state.promotion?.state).toBe('committing')
    const worker = world.newest('ready')!
    world.effects = []
    world.send({ type: 'worker-failed', worker: worker.id, pid: worker.pid!, failure: behaviour('STOPPING=1') })
    world.pass(1_000)
    expect(world.did('spawn')).toEqual([])
    world.drained()
    expect(world.did('spawn')).toHaveLength(1)
  })
})

describe('a manual rollback', () => {
  it('is no answer to an upgrade whose check it overtook: what that has staged comes next, also while paused', () => {
    const ledger = { ...EMPTY_LEDGER, committed: build('2'), previous: build('1'), paused: true }
    const world = new World({}, ledger)
    world.boot()
    world.send({ type: 'stager', report: { type: 'unchanged', known: null } })
    world.allReady()
    world.send({ type: 'upgrade', again: false })
    world.send({ type: 'rollback' })
    world.send({ type: 'stager', report: { type: 'staged', build: build('3'), known: 3 } })
    world.allReady()
    world.pass(10_000)
    expect(world.state.promotion).toMatchObject({ purpose: 'upgrade', target: { version: '3' } })
  })

  it('promotes the previous build, and holds the one it left', () => {
    const world = World.serving('1')
    world.publish(build('2'))
    world.ready()
    world.pass(10_000)
    world.effects = []
    world.send({ type: 'rollback' })
    world.ready()
    world.pass(10_000)
    expect(world.disk).toMatchObject({ committed: { version: '1' }, previous: { version: '2' }, floor: '1' })
    expect(world.disk.quarantine).toMatchObject([{ version: '2', rule: 'operator' }])
    expect(world.settled()).toMatchObject([{ activity: 'rollback', outcome: 'committed' }])
    world.drained()
    world.publish(build('2'))
    expect(world.state.promotion).toBeNull()
  })

  it('calls off an upgrade that is under way', () => {
    const world = World.serving('1')
    world.publish(build('2'))
    world.ready()
    world.send({ type: 'rollback' })
    world.allReady()
    expect(world.settled()).toMatchObject([
      { activity: 'rollback', outcome: 'committed' },
      { activity: 'upgrade', outcome: 'rolled-back' },
    ])
    expect(world.disk.quarantine).toMatchObject([{ version: '2', rule: 'operator' }])
  })

  it('leaves the first build alone while it is on trial: nothing else could serve', () => {
    const world = new World()
    world.boot()
    world.publish(build('1'))
    world.ready()
    world.send({ type: 'rollback' })
    expect(world.settled()).toMatchObject([{ activity: 'rollback', outcome: 'failed' }])
    expect(world.did('drain')).toEqual([])
    world.pass(10_000)
    expect(world.disk).toMatchObject({ committed: { version: '1' }, quarantine: [] })
  })

  it('says so when there is nothing to go back to', () => {
    const world = World.serving('1')
    world.send({ type: 'rollback' })
    expect(world.settled()).toMatchObject([{ activity: 'rollback', outcome: 'failed' }])
  })
})

describe('a poke', () => {
  it('restarts gracefully where nothing is new, and only then', () => {
    const world = World.serving('1')
    world.send({ type: 'poke' })
    world.send({ type: 'stager', report: { type: 'unchanged', known: null } })
    expect(world.state.promotion?.purpose).toBe('restart')
  })

  it('whose check failed is over: a later upgrade that finds nothing new restarts nobody', () => {
    const world = World.serving('1')
    world.send({ type: 'poke' })
    world.send({ type: 'stager', report: { type: 'error', message: 'no route to host' } })
    world.send({ type: 'upgrade', again: false })
    world.send({ type: 'stager', report: { type: 'unchanged', known: null } })
    expect(world.settled()).toMatchObject([{ outcome: 'failed' }, { outcome: 'unchanged' }])
    expect(world.state.promotion).toBeNull()
  })
})

describe('a lost listener', () => {
  it('is written down anew before new workers are started with it', () => {
    const world = World.serving('1')
    const listeners = [{ address: 'unix:/run/app.sock', inode: 77 }]
    world.send({ type: 'listener-lost', listeners })
    expect(world.disk.listeners).toEqual(listeners)
    expect(world.effects.map((effect) => effect.type).filter((type) => type === 'save' || type === 'spawn')).toEqual([
      'save',
      'spawn',
    ])
  })
})

describe('workers', () => {
  it('that fail without dying are drained, and why is said once', () => {
    const world = World.serving('1')
    const { id: worker, pid } = world.newest('ready')!
    world.send({ type: 'worker-failed', worker, pid: pid!, failure: behaviour('it hangs') })
    const said = world.effects.flatMap((effect) => (effect.type === 'emit' ? effect.event : []))
    expect(said.map(({ type }) => type)).toEqual(expect.arrayContaining(['worker-draining', 'worker-failed']))
    expect(said.filter((event) => 'reason' in event && event.reason === 'it hangs')).toHaveLength(1)
  })

  it('come back with a growing pause, for ever, and with the first pause after a quiet minute', () => {
    const world = World.serving('1')
    const waits: number[] = []
    for (let death = 0; death < 12; death++) {
      world.exit(world.newest('ready'))
      const failed = world.effects
        .filter((effect) => effect.type === 'emit' && effect.event.type === 'worker-failed')
        .at(-1)
      if (failed?.type === 'emit' && failed.event.type === 'worker-failed') waits.push(failed.event.retryInMs!)
      world.pass(30_000)
      world.ready()
    }
    expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000, 30_000])
    world.pass(60_000)
    world.exit(world.newest('ready'))
    expect(world.newest('back-off')?.state).toMatchObject({ until: world.now + 100 })
  })

  it('count how many died in their place before them', () => {
    const world = World.serving('1')
    for (const restarts of [1, 2]) {
      world.exit(world.newest('ready'))
      expect(world.newest('back-off')).toMatchObject({ restarts })
      world.pass(30_000)
      world.ready()
      expect(world.newest('ready')).toMatchObject({ restarts })
    }
  })

  it('are restarted gracefully: the new one first', () => {
    const world = World.command()
    world.send({ type: 'poke' })
    expect(world.did('drain')).toEqual([])
    world.ready()
    expect(world.did('drain')).toHaveLength(1)
    expect(world.settled()).toMatchObject([{ activity: 'restart', outcome: 'restarted' }])
  })

  it('that never got ready are not said to serve when a restart fails as well', () => {
    const world = World.command()
    world.exit(world.newest('ready'))
    world.send({ type: 'restart' })
    world.exit(world.newest('starting'))
    const message = 'the command failed: exited with 1; nothing serves'
    expect(world.settled()).toMatchObject([{ outcome: 'rolled-back', message }])
  })

  it('are left alone when a restart does not become ready', () => {
    const world = World.command()
    world.send({ type: 'restart' })
    world.exit(world.newest('starting'))
    expect(world.did('drain')).toEqual([])
    expect(world.state.workers).toMatchObject([{ build: COMMAND, state: { kind: 'ready' } }])
  })

  it('become more and fewer by request, but not in the middle of a promotion', () => {
    const world = World.serving('1')
    world.send({ type: 'scale', by: 1 })
    expect(world.state.workers).toHaveLength(2)
    world.allReady()
    world.publish(build('2'))
    world.send({ type: 'scale', by: -1 })
    expect(world.did('drain')).toEqual([])
    world.allReady()
    world.drained()
    world.pass(10_000)
    world.drained()
    expect(world.state.workers).toMatchObject([{ build: { version: '2' } }])
  })

  it('are killed when the drain timeout has passed, and the oldest when five generations drain', () => {
    const world = World.command()
    for (let restart = 0; restart < 5; restart++) {
      world.send({ type: 'restart' })
      world.ready()
    }
    const killed = () => new Set(world.did('kill').map((effect) => effect.type === 'kill' && effect.worker)).size
    expect(killed()).toBe(1)
    world.pass(30_000)
    expect(killed()).toBe(5)
  })

  it('that a SIGKILL has missed get another one each second, and are told of once', () => {
    const world = World.command()
    world.send({ type: 'restart' })
    world.ready()
    world.pass(32_000)
    expect(world.did('kill')).toHaveLength(3)
    const told = world.effects.filter((effect) => effect.type === 'emit' && effect.event.type === 'worker-killed')
    expect(told).toHaveLength(1)
    world.drained()
    world.pass(10_000)
    expect(world.did('kill')).toHaveLength(3)
  })

  it('of a killed master serve until their successors are ready', () => {
    const world = new World({}, { ...EMPTY_LEDGER, committed: build('1') })
    world.send({ ...BOOT, orphans: [{ pid: 77, build: build('1') }] })
    expect(world.did('drain')).toEqual([])
    world.ready()
    expect(world.did('drain')).toMatchObject([{ pid: 77 }])
  })

  it('end the master with their own status when they are not to be started again', () => {
    const world = World.command({ respawn: false })
    world.exit(world.newest('ready'), behaviour(), 7)
    expect(world.did('exit')).toMatchObject([{ status: 7 }])
  })

  it('that are not to be started again become fewer, and the last one ends the master', () => {
    const world = World.command({ respawn: false }, 2)
    const [first, second] = world.state.workers
    world.exit(first)
    world.pass(60_000)
    expect(world.state.workers).toEqual([second])
    world.exit(second, behaviour(), 7)
    expect(world.did('exit')).toMatchObject([{ status: 7 }])
    expect(world.did('spawn')).toEqual([])
  })

  it('that are not to be started again are not when they are ended for a failure, either', () => {
    const world = World.command({ respawn: false })
    fail(world, world.newest('ready'))
    world.drained()
    expect(world.did('exit')).toHaveLength(1)
    expect(world.did('spawn')).toEqual([])
  })

  it('that are not to be started again end the master when the last has gone, though older ones still drain', () => {
    const world = World.command({ respawn: false })
    world.send({ type: 'restart' })
    world.ready()
    world.exit(world.newest('ready'), behaviour(), 7)
    expect(world.effects).toContainEqual({
      type: 'emit',
      event: { type: 'master-stopping', reason: expect.stringContaining('--no-respawn') },
    })
    expect(world.did('exit')).toEqual([])
    world.exit(world.newest('draining'), behaviour(), 0)
    expect(world.did('exit')).toMatchObject([{ status: 7 }])
  })

  it('that have no process yet are not asked why they are late, again and again', () => {
    const world = World.command()
    const [worker] = world.state.workers
    const late = { ...worker!, pid: null, state: { kind: 'starting', deadlineAt: 0, latestAt: 0 } as const }
    expect(wakeAt({ ...world.state, workers: [late] }, 1)).toBe(Number.POSITIVE_INFINITY)
  })

  it('of a build that has failed go for that, and not because they are replaced', () => {
    const world = World.serving('1')
    world.publish(build('2'))
    fail(world, world.newest('starting'))
    const reasons = world.effects.flatMap((effect) =>
      effect.type === 'emit' && effect.event.type === 'worker-draining' ? [effect.event.reason] : [],
    )
    expect(reasons).toEqual(['failed'])
  })

  it('of a killed master make room for the first build under exclusive', () => {
    const candidate = { build: build('1'), attemptsLeft: 2 }
    const world = new World({ strategy: 'exclusive' }, { ...EMPTY_LEDGER, candidate })
    world.send({ ...BOOT, orphans: [{ pid: 77, build: build('1') }] })
    world.drained()
    world.allReady()
    expect(world.state.promotion?.state).toBe('probation')
  })
})

describe('a stop', () => {
  it('drains, then ends; a second one ends at once', () => {
    const world = World.serving('1')
    world.send({ type: 'stop', reason: 'SIGTERM', isUrgent: false, status: 0 })
    expect(world.did('drain')).toHaveLength(1)
    expect(world.did('exit')).toEqual([])
    world.send({ type: 'stop', reason: 'SIGTERM', isUrgent: false, status: 0 })
    expect(world.did('kill')).toHaveLength(1)
    world.drained()
    expect(world.did('exit')).toHaveLength(1)
  })

  it('costs a candidate nothing', () => {
    const world = World.serving('1')
    world.publish(build('2'))
    expect(world.disk.candidate?.attemptsLeft).toBe(2)
    world.send({ type: 'stop', reason: 'SIGTERM', isUrgent: false, status: 0 })
    expect(world.disk.candidate?.attemptsLeft).toBe(3)
  })

  it('keeps the verdict on a build that has failed already', () => {
    const world = World.serving('1')
    world.publish(build('2'))
    world.ready()
    world.exit(world.newest('ready'), behaviour('exited with 3'))
    world.send({ type: 'stop', reason: 'SIGTERM', isUrgent: false, status: 0 })
    expect(world.disk).toMatchObject({ candidate: null, quarantine: [{ version: '2', reason: 'exited with 3' }] })
    expect(world.settled()).toMatchObject([{ outcome: 'rolled-back' }])
  })

  it('gives no verdict on a probe that the old build has not passed yet', () => {
    const world = World.serving('1')
    world.publish(build('2'))
    world.ready()
    fail(world, world.newest('ready'), true)
    world.send({ type: 'stop', reason: 'SIGTERM', isUrgent: false, status: 0 })
    expect(world.disk).toMatchObject({ candidate: { attemptsLeft: 3 }, quarantine: [] })
  })
})

describe('a stop that comes while the master boots', () => {
  const STOP = { type: 'stop', reason: 'SIGTERM', isUrgent: false, status: 0 } as const

  it('starts nothing and ends', () => {
    const world = new World({}, { ...EMPTY_LEDGER, committed: build('1') })
    world.send({ ...BOOT, stop: STOP })
    expect(world.did('spawn')).toEqual([])
    expect(world.did('stage')).toEqual([])
    expect(world.did('exit')).toHaveLength(1)
  })

  it('drains the workers of a killed master first', () => {
    const world = new World({}, { ...EMPTY_LEDGER, committed: build('1') })
    world.send({ ...BOOT, orphans: [{ pid: 77, build: build('1') }], stop: STOP })
    expect(world.did('spawn')).toEqual([])
    expect(world.did('drain')).toMatchObject([{ pid: 77 }])
    expect(world.did('exit')).toEqual([])
    world.drained()
    expect(world.did('exit')).toHaveLength(1)
  })
})

describe('what could not be recorded', () => {
  const warnings = (world: World) =>
    world.effects.filter((effect) => effect.type === 'emit' && effect.event.type === 'warning')

  it('is written again until it is, and told once', () => {
    const world = World.serving('1')
    world.diskError = 'ENOSPC'
    world.send({ type: 'pause' })
    world.pass(60_000)
    expect(world.disk.paused).toBe(false)
    expect(warnings(world)).toHaveLength(1)
    world.diskError = null
    world.pass(5_000)
    expect(world.disk.paused).toBe(true)
    world.effects = []
    world.pass(60_000)
    expect(world.did('save')).toEqual([])
  })

  it('at the start is written again as well', () => {
    const ledger = { ...EMPTY_LEDGER, committed: build('1'), listeners: [{ address: '*:80', inode: 7 }] }
    const world = new World({}, ledger)
    world.disk = { ...ledger, listeners: [] }
    world.send({ ...BOOT, isRecorded: false })
    world.pass(5_000)
    expect(world.disk.listeners).toEqual(ledger.listeners)
  })

  it('goes with the next record of anything else', () => {
    const world = World.serving('1')
    world.publish(build('2'))
    world.ready()
    world.pass(9_000)
    world.diskError = 'ENOSPC'
    world.send({ type: 'pause' })
    world.diskError = null
    world.pass(1_000)
    expect(world.disk).toMatchObject({ committed: { version: '2' }, paused: true })
    expect(world.state.noteRetryAt).toBeNull()
  })
})

describe('a candidate that is not in the store any more', () => {
  it('is not staged: nothing is held against it, and the next check looks at everything anew', () => {
    const world = World.serving('1')
    world.publish(build('2'))
    world.exit(world.newest('starting'), { kind: 'missing', reason: 'missing: build.json', isProbe: false })
    expect(world.disk).toMatchObject({ candidate: null, known: null, quarantine: [] })
    expect(world.settled()).toMatchObject([{ activity: 'upgrade', outcome: 'failed' }])
    world.publish(build('2'))
    world.ready()
    world.pass(10_000)
    expect(world.disk.committed?.version).toBe('2')
  })
})

describe('the first start', () => {
  it('fetches first, and keeps checking when the first build fails', () => {
    const world = new World()
    world.boot()
    world.pass(0)
    expect(world.did('stage')).toHaveLength(1)
    world.publish(build('1'))
    world.exit(world.newest('starting'))
    expect(world.settled()).toMatchObject([{ outcome: 'rolled-back' }])
    expect(world.state.workers).toEqual([])
    world.publish(build('2'))
    world.ready()
    world.pass(10_000)
    expect(world.disk.committed?.version).toBe('2')
  })

  it('takes a new release although the committed build does not come up', () => {
    const world = new World({}, { ...EMPTY_LEDGER, committed: build('1') })
    world.boot()
    world.exit(world.newest('starting'))
    world.publish(build('2'))
    expect(world.state.promotion?.target.version).toBe('2')
    world.ready(world.state.workers.find((worker) => worker.build.version === '2'))
    world.pass(10_000)
    expect(world.disk.committed?.version).toBe('2')
  })
})

function fail(world: World, worker: Worker | undefined, isProbe = false): void {
  const failure = { ...behaviour('answered 500'), isProbe }
  world.send({ type: 'worker-failed', worker: worker!.id, pid: worker!.pid!, failure })
}
