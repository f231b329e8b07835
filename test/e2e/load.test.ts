import { expect, test } from 'vitest'
import { nodeServer } from '../support/builds.ts'
import { summary } from '../support/load.ts'
import { BY_HAND, startService } from '../support/service.ts'

/** The full run is 50; each takes about a second. */
const UPGRADES = Number(process.env.AUTOUP_TEST_UPGRADES ?? 10)

test(
  `${UPGRADES} upgrades under 500 requests a second fail none of them`,
  async () => {
    const service = await startService({ args: BY_HAND, build: nodeServer({ version: 'v0' }) })
    const load = await service.load({ rate: 500, newShare: 0.5, maxMs: 600_000, maxRequests: 1_000_000 })
    for (let number = 1; number <= UPGRADES; number++) {
      service.publish(nodeServer({ version: `v${number}` }))
      const upgrade = await service.master.cli('upgrade')
      expect(upgrade, upgrade.stderr + service.master.story()).toMatchObject({ code: 0 })
    }
    await load.waitFor((report) => report.versions[`v${UPGRADES}`] !== undefined, 'answer of the last version')
    const report = await load.stop()
    expect(report.failed, summary(report)).toBe(0)
    expect(Object.keys(report.versions)).toHaveLength(UPGRADES + 1)
    process.stderr.write(`${UPGRADES} upgrades: ${report.sent} requests, slowest ${Math.round(report.slowestMs)} ms\n`)
  },
  60_000 + UPGRADES * 10_000,
)
