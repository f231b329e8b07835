import { readdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { fetcherFor } from '../../fetchers/index.ts'
import type { Settings } from '../../src/core/settings.ts'
import { newState } from '../../src/core/supervisor.ts'
import { Checks } from '../../src/runtime/checks.ts'
import { policyOf } from '../../src/runtime/policy.ts'
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

test('who waits until nothing writes to the store waits for what a stopped stager has left', async () => {
  const paths = await temporaryStore()
  const plugin = join(await temporaryFolder(), 'endless.mjs')
  writeFileSync(plugin, ENDLESS)
  const { root } = paths
  const settings: Settings = {
    ...SETTINGS,
    ...{ stateDir: dirname(root), name: basename(root), source: plugin, allowUnverified: true },
  }
  const source = await fetcherFor(plugin)
  const checks = new Checks({ settings, paths, source, send: () => undefined, emit: () => undefined })
  await checks.start('plain', newState(policyOf(settings, null)))
  await until('it fetches', () => readdirSync(paths.tmp).some((name) => /^stage-[^.]*$/.test(name)))
  checks.stop()
  await checks.idle()
  expect(readdirSync(paths.tmp)).toEqual([])
})
