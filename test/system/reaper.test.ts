import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { isAlive, readStat } from '../../src/system/procfs.ts'
import { startReaper } from '../../src/system/reaper.ts'
import { type Exit, type SpawnRequest, spawnChild, startProcess } from '../../src/system/spawn.ts'
import { onEnd } from '../support/on-end.ts'
import { until } from '../support/until.ts'

const PLAIN: Omit<SpawnRequest, 'argv'> = {
  cwd: '/',
  env: {},
  descriptors: [],
  listenNames: null,
  pidVariables: [],
  user: null,
  stdout: 'pipe',
}

function perl(code: string): Promise<Awaited<ReturnType<typeof spawnChild>>> {
  return spawnChild({ ...PLAIN, argv: ['/usr/bin/perl', '-e', code] })
}

function reaper() {
  const reaped = new Map<number, Exit>()
  let wake = () => {}
  const started = startReaper((pid, exit) => {
    reaped.set(pid, exit)
    wake()
  })
  onEnd(() => started.stop())
  return {
    reaped,
    async of(pid: number): Promise<Exit | undefined> {
      while (!reaped.has(pid)) await new Promise<void>((resolve) => (wake = resolve))
      return reaped.get(pid)
    },
  }
}

/** Says the pid of its grandchild, which runs `then`, and ends. */
function doubleFork(then: string): string {
  return `$| = 1; my $p = fork; exit 0 if $p; my $q = fork; if ($q) { print $q; exit 0 } close STDOUT; ${then}`
}

test('adopts what double-forked, hears of its end and leaves no zombie', async () => {
  const { reaped, of } = reaper()
  const child = await perl(doubleFork('sleep 60 while 1'))
  const orphan = Number(await text(child.stdout as NodeJS.ReadableStream))
  onEnd(() => isAlive(orphan) && process.kill(orphan, 'SIGKILL'))
  expect(await child.exited).toEqual({ code: 0, signal: null })
  await until('it is adopted', () => readStat(orphan)?.ppid === process.pid)
  expect(reaped.has(orphan)).toBe(false)
  process.kill(orphan, 'SIGKILL')
  expect(await of(orphan)).toEqual({ code: null, signal: 'SIGKILL' })
  expect(readStat(orphan)).toBeNull()
})

test('reaps what was a zombie already when it was adopted', async () => {
  const { of } = reaper()
  const child = await perl('$| = 1; my $p = fork; exit 5 unless $p; print $p; close STDOUT; sleep 60 while 1')
  const zombie = Number(await text(child.stdout as NodeJS.ReadableStream))
  await until('it is a zombie', () => readStat(zombie)?.state === 'Z')
  child.killGroup()
  expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' })
  expect(await of(zombie)).toEqual({ code: 5, signal: null })
})

test('never takes the status of a child that was started here', async () => {
  const { reaped } = reaper()
  const children = await Promise.all(
    Array.from({ length: 40 }, (_, index) => perl(index % 2 ? `exit ${index}` : doubleFork(`exit ${index}`))),
  )
  const said = children.map((child) => text(child.stdout as NodeJS.ReadableStream))
  const exits = await Promise.all(children.map((child) => child.exited))
  expect(exits.map(({ code }) => code)).toEqual(children.map((_, index) => (index % 2 ? index : 0)))
  const pids = (await Promise.all(said)).filter((pid) => pid !== '').map(Number)
  await until('all orphans are reaped', () => pids.every((pid) => reaped.has(pid)))
  expect(pids.map((pid) => reaped.get(pid)?.code)).toEqual(children.map((_, index) => index).filter((i) => i % 2 === 0))
  expect(children.some(({ pid }) => reaped.has(pid))).toBe(false)
})

test('leaves a child that was started here to libuv, even when it sees the zombie first', async () => {
  const child = await perl('exit 9')
  const raw = startProcess('/usr/bin/perl', ['-e', 'exit 8'], { stdio: 'ignore' })
  const pids = [child.pid, raw.pid as number]
  // Without a turn of the loop, so that libuv has not waited for them yet.
  while (pids.some((pid) => readStat(pid)?.state !== 'Z'));
  const { reaped } = reaper()
  const [[code], exit] = await Promise.all([once(raw, 'exit'), child.exited])
  expect([code, exit]).toEqual([8, { code: 9, signal: null }])
  expect(pids.some((pid) => reaped.has(pid))).toBe(false)
})
