import { expect, test } from 'vitest'
import { nodeServer } from '../support/builds.ts'
import {
  allProcesses,
  childrenOf,
  commandOf,
  descriptorsOf,
  holdersOf,
  listenersOn,
  memoryOf,
  type Process,
} from '../support/processes.ts'
import { BY_HAND, type Service, startService } from '../support/service.ts'
import { until } from '../support/until.ts'

/** The full run is 200. */
const UPGRADES = Number(process.env.AUTOUP_TEST_LEAK_UPGRADES ?? 12)
const WARM_UP = Math.min(10, Math.floor(UPGRADES / 2))
const MEMORY_GROWTH = 8 * 2 ** 20

interface Footprint {
  /** What they lead to, without the numbers of sockets and pipes. */
  readonly descriptors: readonly string[]
  readonly children: number
  readonly zombies: number
  readonly memory: number
}

/** The master with its one worker, when nothing drains, stages or sweeps any more: the same at twenty looks in a row. */
async function footprint({ master }: Service): Promise<Footprint> {
  let last = ''
  let looks = 0
  const descriptors = await until('the master is at rest', () => {
    const open = descriptorsOf(master.pid).sort()
    const now = `${childrenOf(master.pid).length} ${open}`
    looks = now === last ? looks + 1 : 0
    last = now
    return looks >= 20 ? open : null
  })
  const children = childrenOf(master.pid)
  return {
    descriptors: descriptors.map((target) => target.replace(/\d+/g, 'N')).sort(),
    children: children.length,
    zombies: children.filter(({ state }) => state === 'Z').length,
    memory: memoryOf(master.pid),
  }
}

test(
  `after ${UPGRADES} upgrades the master holds what it held after ${WARM_UP}`,
  async () => {
    const service = await startService({ args: [...BY_HAND, '--probation', '50ms'] })
    let before: Footprint | null = null
    for (let number = 1; number <= UPGRADES; number++) {
      service.publish(nodeServer({ version: `v${number}` }))
      const upgrade = await service.master.cli('upgrade')
      expect(upgrade, upgrade.stderr).toMatchObject({ code: 0 })
      if (number === WARM_UP) before = await footprint(service)
    }
    const after = await footprint(service)
    expect(after).toMatchObject({ descriptors: before!.descriptors, children: 1, zombies: 0 })
    expect(after.memory - before!.memory).toBeLessThan(MEMORY_GROWTH)
  },
  60_000 + UPGRADES * 10_000,
)

test('no child but workers ever holds the listener', async () => {
  const service = await startService({ args: [...BY_HAND, '--preflight', 'sleep 0.2'] })
  const { master, port } = service
  const [inode] = listenersOn(port)
  const own = commandOf(master.pid)
  const holders = new Set<number>()
  const others = new Map<number, Process>()
  let isOver = false
  const watching = until(
    'the upgrades are over',
    () => {
      // A fork holds what its parent holds until it execs, and only then counts.
      const family = allProcesses().filter(
        ({ pid, parent }) => (parent === master.pid || others.has(parent)) && commandOf(pid) !== own,
      )
      for (const each of family) others.set(each.pid, each)
      for (const pid of holdersOf(inode!, family)) holders.add(pid)
      return isOver
    },
    60_000,
  )
  for (const version of ['2', '3']) {
    service.publish(nodeServer({ version }))
    expect(await master.cli('upgrade')).toMatchObject({ code: 0 })
  }
  isOver = true
  await watching
  const workers = new Set(master.events.flatMap((event) => (event.type === 'worker-started' ? [event.pid] : [])))
  expect(others.size, 'stagers and preflights were seen too').toBeGreaterThan(workers.size)
  expect([...holders].filter((pid) => !workers.has(pid)).map((pid) => others.get(pid))).toEqual([])
})
