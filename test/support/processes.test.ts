import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from './master.ts'
import { onEnd } from './on-end.ts'
import { freePort } from './ports.ts'
import { belongingTo, endAll, holdersOf, isAlive, listenersOn, readProcess } from './processes.ts'
import { until } from './until.ts'

function sleeper(state: string): number {
  const child = spawn('sleep', ['100'], {
    env: { ...process.env, AUTOUP_STATE: state },
    detached: true,
    stdio: 'ignore',
  })
  onEnd(() => child.kill('SIGKILL'))
  return child.pid!
}

test('ends what carries the state directory, and nothing else', async () => {
  const directory = temporaryDirectory()
  const [mine, under, other] = [sleeper(directory), sleeper(`${directory}/app`), sleeper(`${directory}-other`)]
  await until('all run their program', () => [mine, under, other].every((pid) => readProcess(pid)?.name === 'sleep'))
  expect(
    belongingTo(directory)
      .map(({ pid }) => pid)
      .sort(),
  ).toEqual([mine, under].sort())
  await endAll(directory)
  expect([mine, under, other].map(isAlive)).toEqual([false, false, true])
})

test('removes what a killed master leaves for its sockets', async () => {
  const [directory, elsewhere] = [temporaryDirectory(), temporaryDirectory()]
  const [sockets, other] = [join(elsewhere, 'autoup-a1B2c3'), join(elsewhere, 'something')]
  for (const each of [sockets, other, join(directory, 'app'), join(directory, 'odd')]) mkdirSync(each)
  symlinkSync(sockets, join(directory, 'app/run'))
  symlinkSync(other, join(directory, 'odd/run'))
  await endAll(directory)
  expect([sockets, other].map((path) => existsSync(path))).toEqual([false, true])
})

test('leaves a session alone whose number was another one’s before', () => {
  const leader = readProcess(sleeper(temporaryDirectory()))!
  expect(belongingTo('/nonexistent', [leader])).toMatchObject([{ pid: leader.pid }])
  expect(belongingTo('/nonexistent', [{ ...leader, startedAt: leader.startedAt - 1 }])).toEqual([])
})

test('finds who holds a listener', async () => {
  const port = await freePort()
  const server = net.createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  onEnd(() => server.close())
  const [inode] = listenersOn(port)
  expect(holdersOf(inode!, [readProcess(process.pid)!, readProcess(process.ppid)!])).toEqual([process.pid])
})
