/** One swap by hand, and what is true of the old workers after it. */

import { expect } from 'vitest'
import type { Artifact } from './builds.ts'
import type { Finished } from './master.ts'
import { descriptorsOf, isAlive, listenersOn } from './processes.ts'
import type { Service } from './service.ts'
import { until } from './until.ts'

/** Publishes the build, and resolves with the pid of the old worker when every new connection is the new one's. */
export async function swapTo(service: Service, build: Artifact): Promise<number> {
  const old = await pidOf(service)
  service.publish(build)
  const upgrade = await service.master.cli('upgrade')
  expect(upgrade, `${upgrade.stderr}${service.master.story()}`).toMatchObject({ code: 0 })
  for (const port of await portsOf(service)) await leavesTheSocket(old, port)
  return old
}

/** Publishes a build that is to fail, and resolves with the verdict; the worker that served has not been touched. */
export async function failsOver(service: Service, build: Artifact): Promise<Finished> {
  const { master } = service
  const [old, before] = [await pidOf(service), await master.status()]
  const since = master.mark()
  service.publish(build)
  const upgrade = await master.cli('upgrade')
  const of = master.events.slice(since).filter((event) => 'pid' in event && event.pid === old)
  expect(of, 'nothing has happened to the old worker').toEqual([])
  expect(await pidOf(service)).toBe(old)
  const after = await master.status()
  expect(after).toMatchObject({ pid: master.pid, current: before.current, candidate: null })
  expect(after.workers.map(({ pid }) => pid)).toEqual([old])
  return upgrade
}

/** The pid of the only worker that serves. */
export async function pidOf({ master }: Service): Promise<number> {
  const ready = (await master.status()).workers.filter(({ state }) => state === 'ready')
  expect(ready, master.story()).toHaveLength(1)
  return ready[0]!.pid
}

/** What it listens on, unix sockets apart. */
async function portsOf({ master }: Service): Promise<number[]> {
  const { listen } = await master.status()
  return listen.flatMap(({ address }) => (/:\d+$/.test(address) ? [Number(address.split(':').at(-1))] : []))
}

/** Resolves when the process no longer holds a socket that listens on `port`. It may live on. */
export async function leavesTheSocket(pid: number, port: number): Promise<void> {
  const sockets = listenersOn(port).map((inode) => `socket:[${inode}]`)
  await until(`${pid} has left port ${port}`, () => !descriptorsOf(pid).some((each) => sockets.includes(each)))
}

/** Resolves when all of these have ended. */
export async function areGone(...pids: number[]): Promise<void> {
  await until(`${pids.join(', ')} have ended`, () => pids.every((pid) => !isAlive(pid)))
}
