import { readdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { fetcherFor } from '../../fetchers/index.ts'
import { COMMAND } from '../../src/core/build.ts'
import type { Ledger } from '../../src/core/ledger.ts'
import type { Settings } from '../../src/core/settings.ts'
import type { State } from '../../src/core/state.ts'
import { newState } from '../../src/core/supervisor.ts'
import { Checks } from '../../src/runtime/checks.ts'
import type { ControlReply } from '../../src/runtime/control/server.ts'
import { Looks } from '../../src/runtime/looks.ts'
import { policyOf } from '../../src/runtime/policy.ts'
import { StagerJobs } from '../../src/runtime/stager/jobs.ts'
import type { StorePaths } from '../../src/store/layout.ts'
import { SETTINGS } from '../support/settings.ts'
import { temporaryFolder, temporaryStore } from '../support/stores.ts'
import { until } from '../support/until.ts'

/** Offers a release that never comes. */
const ENDLESS = `
const release = { version: '1', name: 'app', size: null, digest: null, ordered: false }
export default {
  scheme: 'endless',
  check: async () => ({ kind: 'release', release, known: 1 }),
  fetch: () => new Promise(() => setTimeout(() => undefined, 600_000)),
}
`

async function endless(): Promise<{ checks: Checks; looks: Looks; jobs: StagerJobs; paths: StorePaths; state: State }> {
  const paths = await temporaryStore()
  const plugin = join(await temporaryFolder(), 'endless.mjs')
  writeFileSync(plugin, ENDLESS)
  const { root } = paths
  const settings: Settings = {
    ...SETTINGS,
    ...{ stateDir: dirname(root), name: basename(root), source: plugin, allowUnverified: true },
  }
  const source = await fetcherFor(plugin)
  const context = { settings, paths, source, send: () => undefined, emit: () => undefined }
  const jobs = new StagerJobs(context)
  const [checks, looks] = [new Checks(context, jobs), new Looks(context, jobs)]
  return { checks, looks, jobs, paths, state: newState(policyOf(settings, null)) }
}

test('who waits until nothing writes to the store waits for what a stopped stager has left', async () => {
  const { checks, jobs, paths, state } = await endless()
  await checks.start('plain', state)
  await until('it fetches', () => readdirSync(paths.tmp).some((name) => /^stage-[^.]*$/.test(name)))
  checks.stop()
  await jobs.idle()
  expect(readdirSync(paths.tmp)).toEqual([])
})

test('a look says whether what is there can be taken, and why not', async () => {
  const { looks, jobs, state } = await endless()
  const look = (ledger: Partial<Ledger>): Promise<ControlReply> =>
    looks.look({ ...state, ledger: { ...state.ledger, ...ledger } })
  const there = { version: '1', exit: 0 }
  expect(await look({})).toEqual({
    ...there,
    outcome: 'available',
    message: '1 is there: `autoup upgrade` takes it now',
  })
  const committed = { ...COMMAND, id: 'sha256-1', version: '1' }
  expect(await look({ committed })).toMatchObject({ ...there, outcome: 'unchanged' })
  const promotion = { purpose: 'upgrade', target: committed, generation: 1, startedAt: 0, state: 'starting' } as const
  expect(await looks.look({ ...state, promotion })).toEqual({
    ...there,
    outcome: 'unchanged',
    message: 'nothing new: 1 is being promoted',
  })
  const entry = { build: 'sha256-2', version: '1', reason: 'it died', at: '2026-01-01T00:00:00Z' }
  expect(await look({ quarantine: [{ ...entry, rule: 'operator', launch: null }] })).toEqual({
    ...there,
    outcome: 'quarantined',
    message: '1 is in quarantine (it died); `autoup upgrade --again` tries it once',
  })
  const other = { ...entry, rule: 'behaviour', launch: 'of another command' } as const
  expect(await look({ quarantine: [other] })).toMatchObject({ outcome: 'available' })
  expect(await look({ ratchet: 'minisign' })).toMatchObject({
    outcome: 'refused',
    exit: 5,
    message: expect.stringMatching(/^1 was refused: .* builds of this service were by minisign/),
  })
  await jobs.idle()
})
