import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { killSession, sessionMembers } from '../../src/system/kill-session.ts'
import {
  allPids,
  childrenOf,
  environmentOf,
  epollWatches,
  findByEnvironment,
  holdersOf,
  isAlive,
  readStat,
  rssOf,
  socketInodes,
  treeOf,
} from '../../src/system/procfs.ts'
import { onEnd } from '../support/on-end.ts'
import { needs } from '../support/requirements.ts'
import { until } from '../support/until.ts'
import { start } from './helper-process.ts'

const NOBODY = 4_194_304

/** For processes of their own: Node 20 runs no TypeScript. */
const BUILT = fileURLToPath(new URL('../../dist/src/system/procfs.js', import.meta.url))

test('reads a process whose name holds spaces and parentheses', async () => {
  const helper = start(['perl', '-e', '$0 = "a) R 1 (b"; $| = 1; print "up\\n"; <STDIN>'])
  await helper.line()
  const stat = readStat(helper.pid)
  expect(stat).toMatchObject({ pid: helper.pid, ppid: process.pid, pgrp: helper.pid, session: helper.pid })
  expect(stat?.command).toBe('a) R 1 (b')
  expect(stat?.state).toMatch(/^[RSD]$/)
  expect(stat?.startTicks).toBeGreaterThan(readStat(process.pid)?.startTicks ?? Number.NaN)
})

test('answers about a process that is not there with nothing, never with an error', () => {
  expect(readStat(NOBODY)).toBeNull()
  expect(isAlive(NOBODY)).toBe(false)
  expect(environmentOf(NOBODY)).toBeNull()
  expect(childrenOf(NOBODY)).toEqual([])
  expect(treeOf(NOBODY)).toEqual([NOBODY])
  expect(socketInodes(NOBODY)).toEqual(new Set())
  expect(epollWatches(NOBODY, 1)).toBe(false)
  expect(rssOf(NOBODY)).toBeNull()
})

test('takes a zombie for dead', async () => {
  const helper = start(['perl', '-e', '$| = 1; $p = fork // die; exit 3 unless $p; print "$p\\n"; <STDIN>'])
  const zombie = Number(await helper.line())
  await until('the child has ended', () => readStat(zombie)?.state === 'Z')
  process.kill(zombie, 0)
  expect(isAlive(zombie)).toBe(false)
  expect(childrenOf(helper.pid)).toEqual([zombie])
})

needs('python3').test(
  'takes a process for alive whose first thread has ended and whose others go on, until it is killed',
  async () => {
    const helper = start(['python3', '-c', ONLY_A_THREAD])
    await helper.line()
    await until('its first thread has ended', () => readStat(helper.pid)?.state === 'Z')
    expect(isAlive(helper.pid)).toBe(true)
    expect(sessionMembers(helper.pid, readStat(helper.pid)?.startTicks ?? 0)).toEqual([helper.pid])
    killSession(helper.pid, readStat(helper.pid)?.startTicks ?? 0)
    await helper.ended
    expect(isAlive(helper.pid)).toBe(false)
  },
)

/** pthread_exit(3) in main ends the process no more than in any other thread. */
const ONLY_A_THREAD = `
import ctypes, threading
def other():
    print('up', flush=True)
    threading.Event().wait()
threading.Thread(target=other).start()
ctypes.CDLL(None).pthread_exit(None)
`

test('takes another process with the same pid for dead', () => {
  const ticks = readStat(process.pid)?.startTicks as number
  expect(isAlive(process.pid, ticks)).toBe(true)
  expect(isAlive(process.pid, ticks + 1)).toBe(false)
})

test('finds all descendants, also those that a thread started', async () => {
  const code = `const { Worker } = require('node:worker_threads')
    new Worker("require('node:child_process').spawn('sh', ['-c', 'sleep 60 & echo up; wait'], { stdio: 'inherit' })", { eval: true })
    setInterval(() => {}, 1e6)`
  const helper = start([process.execPath, '-e', code])
  await helper.line()
  const tree = treeOf(helper.pid)
  expect(tree).toHaveLength(3)
  expect(tree.map((pid) => readStat(pid)?.ppid)).toEqual([process.pid, tree[0], tree[1]])
  expect(allPids()).toEqual(expect.arrayContaining(tree))
})

test('finds processes by a variable they were started with', async () => {
  const value = `/tmp/state with = sign ${process.pid}`
  const helper = start(['perl', '-e', '$| = 1; print "up\\n"; <STDIN>'], {
    env: { ...process.env, AUTOUP_STATE: value },
  })
  await helper.line()
  const found = findByEnvironment('AUTOUP_STATE', value)
  expect(found).toMatchObject([{ pid: helper.pid, ppid: process.pid, session: helper.pid }])
  expect(found[0]?.startTicks).toBe(readStat(helper.pid)?.startTicks)
  expect(found[0]?.env.get('PATH')).toBe(process.env.PATH)
  expect(findByEnvironment('AUTOUP_STATE', value.slice(1))).toEqual([])
})

needs('ruby').test('finds a process that wrote its title over its environment by its socket', async () => {
  const { inode, fd } = await listener()
  const code = 'Process.setproctitle("puma: worker " + "x" * 4000); STDOUT.puts "up"; STDOUT.flush; STDIN.read'
  const helper = start(['ruby', '-e', code], { env: { ...process.env, AUTOUP_STATE: 'overwritten' }, stdio: [fd] })
  await helper.line()
  expect(findByEnvironment('AUTOUP_STATE', 'overwritten')).toEqual([])
  expect(holdersOf(new Set([inode]))).toEqual(expect.arrayContaining([process.pid, helper.pid]))
})

test('sees the sockets of a process and which of them its epoll watches', async () => {
  const { inode, fd } = await listener()
  const code = `const server = require('node:net').createServer()
    process.stdin.once('data', () => server.listen({ fd: 3 }, () => console.log('listening')))
    console.log('up')`
  const helper = start([process.execPath, '-e', code], { stdio: [fd] })
  await helper.line()
  expect(socketInodes(helper.pid)).toContain(inode)
  expect(epollWatches(helper.pid, inode)).toBe(false)
  helper.write('go\n')
  await helper.line()
  await until('its epoll watches', () => epollWatches(helper.pid, inode))
  expect(epollWatches(helper.pid, inode + 1)).toBe(false)
})

needs('prlimit').test('sees what there is when no descriptor is left, again and again', async () => {
  const code = `import { openSync } from 'node:fs'
import { allPids, isAlive, readStat } from ${JSON.stringify(BUILT)}
try { for (;;) openSync('/dev/null') } catch (error) { console.log(error.code) }
for (let round = 0; round < 3; round++)
  console.log(readStat(process.pid)?.pid === process.pid, allPids().includes(process.pid), isAlive(process.pid))
`
  const helper = start(['prlimit', '--nofile=64', process.execPath, '--input-type=module', '-e', code])
  expect(await helper.line()).toBe('EMFILE')
  for (let round = 0; round < 3; round++) expect(await helper.line()).toBe('true true true')
})

test('tells how much memory a process uses', () => {
  const rss = rssOf(process.pid) as number
  expect(Math.abs(rss - process.memoryUsage.rss())).toBeLessThan(64 * 2 ** 20)
})

/** A unix listener of the test itself. */
async function listener(): Promise<{ inode: number; fd: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'procfs-'))
  const server = net.createServer().listen(join(directory, 's'))
  onEnd(() => {
    server.close()
    rmSync(directory, { recursive: true })
  })
  await once(server, 'listening')
  const fd = (server as unknown as { _handle: { fd: number } })._handle.fd
  return { fd, inode: statSync(`/proc/self/fd/${fd}`).ino }
}
