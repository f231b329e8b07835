import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { publish } from '../support/builds.ts'
import { newRandom, type Random } from '../support/faults-random.ts'
import { ledgerOf, linksOf, problemsOf, storeOf, temporariesOf } from '../support/faults-store.ts'
import { attach } from '../support/faults-strace.ts'
import { testimonies, witness } from '../support/faults-witness.ts'
import { type Load, startLoad, summary } from '../support/load.ts'
import { type Master, type MasterOptions, said, startMaster, temporaryDirectory } from '../support/master.ts'
import { freePort } from '../support/ports.ts'
import { needs } from '../support/requirements.ts'
import { until } from '../support/until.ts'

/** The full run is 200. */
const CRASHES = Number(process.env.AUTOUP_CRASHES ?? 10)

/** From the publication to the end of the commit and its sweep. */
const UPGRADE_MS = 1_300
const BOOT_MS = 500

class Trial {
  readonly report: string = join(temporaryDirectory(), 'report')
  readonly path: string = join(temporaryDirectory(), 'app.tar.gz')
  readonly options: MasterOptions
  version = 0
  #published = ''
  master!: Master
  load!: Load

  constructor(port: number) {
    const args = ['--interval', '100ms', '--probation', '150ms', '--ready-timeout', '8s', '--keep', '1']
    const where = ['--fetch', `file:${this.path}`, '--listen', `127.0.0.1:${port}`]
    this.options = { args: [...args, ...where], stateDir: temporaryDirectory() }
  }

  /** The id of the next build, which now lies at the source. */
  publish(): string {
    publish(this.path, witness(`v${++this.version}`, this.report))
    this.#published = `sha256-${createHash('sha256').update(readFileSync(this.path)).digest('hex')}`
    return this.#published
  }

  /** Resolves when what was published last is committed, by this master or by one before it. */
  async isLive(): Promise<void> {
    const paths = storeOf(this.master)
    await until(`v${this.version} is committed`, () => ledgerOf(paths)?.committed?.id === this.#published).catch(
      (error: Error) => {
        throw new Error(`${error.message}: ${this.master.story()}`)
      },
    )
  }

  /** Starts a master on what the last one has left, and looks at all that was promised. */
  async boot(): Promise<void> {
    const before = this.master
    const paths = storeOf(before)
    const left = temporariesOf(paths)
    const { committed } = ledgerOf(paths)!
    expect(await problemsOf(paths)).toEqual([])
    this.master = await startMaster(this.options)
    const story = (): string => `${before.story()}\n${this.master.story()}`

    const first = await this.master.next('worker-started')
    expect(first.build, story()).toBe(committed!.id)
    await this.master.waitFor((event) => event.type === 'worker-ready' && event.pid === first.pid, 'committed build')
    expect(
      temporariesOf(paths).filter((name) => left.includes(name)),
      story(),
    ).toEqual([])
    const ledger = ledgerOf(paths)!
    const links = linksOf(paths)
    expect([ledger.committed?.id, ledger.previous?.id ?? null], story()).toEqual([links.current, links.previous])
    expect(
      testimonies(this.report).filter(({ isWhole }) => !isWhole),
      story(),
    ).toEqual([])
    const warnings = said(this.master).match(/\b(?:could not|cannot|not in the store)\b.*/g)
    expect(warnings, story()).toBeNull()
  }
}

async function startTrial(): Promise<Trial> {
  const port = await freePort()
  const trial = new Trial(port)
  trial.publish()
  trial.master = await startMaster(trial.options)
  await trial.master.next('build-committed')
  trial.load = await startLoad({ target: port, rate: 100, maxMs: 3_600_000, maxRequests: 1_000_000 })
  return trial
}

/** The last build gets live, the store is in order, nothing is left over, no request has failed. */
async function expectOrder(trial: Trial): Promise<void> {
  const { master, load, version, report } = trial
  await trial.isLive()
  await load.waitFor((now) => now.versions[`v${version}`] !== undefined, `answer of v${version}`)
  expect((await load.stop()).failed, summary(load.report())).toBe(0)
  expect(await master.stop()).toBe(0)
  const paths = storeOf(master)
  expect(await problemsOf(paths)).toEqual([])
  expect(temporariesOf(paths)).toEqual([])
  expect(ledgerOf(paths)?.quarantine).toEqual([])
  expect(testimonies(report).filter(({ isWhole }) => !isWhole)).toEqual([])
}

test(
  `kill -9 at ${CRASHES} random instants of upgrades`,
  async () => {
    const random = newRandom()
    process.stderr.write(`${CRASHES} crashes, AUTOUP_SEED=${random.seed}\n`)
    const trial = await startTrial()
    for (let crash = 0; crash < CRASHES; crash++) {
      trial.publish()
      await crashAtRandom(trial, random)
      await trial.boot()
    }
    await expectOrder(trial)
  },
  60_000 + CRASHES * 10_000,
)

/** One in four hits the start of a master, which is not waited for then. */
async function crashAtRandom(trial: Trial, random: Random): Promise<void> {
  if (random.below(4) === 0) {
    await trial.master.kill9()
    trial.master = await startMaster(trial.options)
    await delay(random.below(BOOT_MS))
  } else await delay(random.below(UPGRADE_MS))
  await trial.master.kill9()
}

/** An upgrade and the sweep behind it have fewer. */
const RECORDS = 20

/** The long form tries every one of them, the normal run every fifth. */
const STEP = CRASHES > 10 ? 1 : 5

needs('strace').test(
  'kill -9 at each record of an upgrade, one after the other',
  async () => {
    const trial = await startTrial()
    let record = 1 - STEP
    for (let isOver = false; !isOver; ) {
      record += STEP
      expect(record, 'an upgrade has more records than were tried').toBeLessThan(RECORDS)
      const tracer = await attach(trial.master.pid, ...killsAt(record))
      const since = trial.master.mark()
      const build = trial.publish()
      const swept = trial.master
        .waitFor((event) => event.type === 'build-committed' && event.build === build, 'commit', { since })
        .then(() => trial.master.next('build-swept', { since }))
      isOver = await Promise.race([trial.master.exited.then(() => false), swept.then(() => true).catch(() => false)])
      await tracer.detach()
      if (isOver) break
      expect(await trial.master.exited).toBe('SIGKILL')
      await trial.boot()
      await trial.isLive()
    }
    expect(record).toBeGreaterThan(4)
    await expectOrder(trial)
  },
  240_000,
)

/** Of the master's own thread, which waits for each fsync(2) before it goes on. */
function killsAt(record: number): string[] {
  return ['-e', 'trace=fsync', '-e', `inject=fsync:signal=KILL:when=${record}`]
}
