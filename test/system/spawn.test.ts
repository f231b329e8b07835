import { execFileSync } from 'node:child_process'
import { chmodSync, closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { close, isCloseOnExec, setCloseOnExec } from '../../src/system/libc/descriptors.ts'
import { socket } from '../../src/system/libc/sockets.ts'
import { allPids, isAlive, readStat } from '../../src/system/procfs.ts'
import { type Child, isOwnChild, type SpawnRequest, spawnChild } from '../../src/system/spawn.ts'
import { onEnd } from '../support/on-end.ts'
import { needs } from '../support/requirements.ts'
import { until } from '../support/until.ts'

const PERL = '/usr/bin/perl'

const PLAIN: Omit<SpawnRequest, 'argv'> = {
  cwd: '/',
  env: { PATH: '/usr/bin:/bin' },
  descriptors: [],
  listenNames: null,
  pidVariables: [],
  user: null,
  stdout: 'pipe',
  stderr: 'pipe',
}

async function start(argv: string[], more: Partial<SpawnRequest> = {}): Promise<Child> {
  const child = await spawnChild({ ...PLAIN, ...more, argv })
  onEnd(() => child.killGroup())
  return child
}

async function outputOf(argv: string[], more: Partial<SpawnRequest> = {}): Promise<string> {
  const child = await start(argv, more)
  const output = await text(child.stdout as NodeJS.ReadableStream)
  await child.exited
  return output
}

function sh(script: string): string[] {
  return ['/bin/sh', '-c', script]
}

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), 'spawn-'))
  onEnd(() => rmSync(made, { recursive: true }))
  return made
}

test('gives a child its own session, /dev/null as stdin and its directory', async () => {
  const cwd = directory()
  const child = await start(
    [PERL, '-e', '$| = 1; print readlink("/proc/self/fd/0"), " ", readlink("/proc/self/cwd"); sleep 60'],
    { cwd },
  )
  const output = await new Promise((resolve) => child.stdout?.setEncoding('utf8').once('data', resolve))
  expect(output).toBe(`/dev/null ${cwd}`)
  const stat = readStat(child.pid)
  expect(stat).toMatchObject({ ppid: process.pid, pgrp: child.pid, session: child.pid, startTicks: child.startTicks })
  expect(isOwnChild(child.pid)).toBe(true)
  expect(child.signal('SIGTERM')).toBe(true)
  expect(await child.exited).toEqual({ code: null, signal: 'SIGTERM' })
  expect(isOwnChild(child.pid)).toBe(false)
  expect(child.signal('SIGTERM')).toBe(false)
})

test('tells the status a child ended with', async () => {
  const child = await start(sh('exit 7'))
  expect(await child.exited).toEqual({ code: 7, signal: null })
})

test('passes on exactly the given descriptors from 3 on, also twice the same', async () => {
  const made = directory()
  const [a, b] = ['a', 'b'].map((name) => openSync(join(made, name), 'w'))
  const secret = socket('unix', 'datagram')
  onEnd(() => {
    closeSync(a as number)
    closeSync(b as number)
    close(secret)
  })
  expect(isCloseOnExec(a as number)).toBe(true)
  const list = [
    PERL,
    '-e',
    'opendir(my $d, "/proc/self/fd"); print join " ", map { "$_=" . readlink("/proc/self/fd/$_") } sort { $a <=> $b } grep { /^\\d+$/ && $_ > 2 } readdir $d',
  ]
  const output = await outputOf(list, { descriptors: [b as number, a as number, b as number] })
  // The last one is the directory it lists.
  expect(output.split(' ').slice(0, -1)).toEqual([`3=${made}/b`, `4=${made}/a`, `5=${made}/b`])
  expect(isCloseOnExec(a as number)).toBe(true)
})

test('keeps from a child what the master itself was left by mistake', async () => {
  const fd = openSync('/etc/hostname', 'r')
  onEnd(() => closeSync(fd))
  setCloseOnExec(fd, false)
  expect(await outputOf(sh('ls -l /proc/self/fd'))).not.toContain('/etc/hostname')
})

test('passes on a dozen descriptors in their order', async () => {
  const made = directory()
  const fds = Array.from({ length: 12 }, (_, index) => openSync(join(made, String(index)), 'w'))
  onEnd(() => {
    for (const fd of fds) closeSync(fd)
  })
  const descriptors = fds.toReversed()
  const script = descriptors.map((_, index) => `readlink /proc/self/fd/${index + 3}`).join('; ')
  const output = await outputOf(sh(script), { descriptors })
  expect(output.trim().split('\n')).toEqual(fds.map((_, index) => join(made, String(index))).toReversed())
})

test('speaks sd_listen_fds with the pid after exec', async () => {
  const show = [
    PERL,
    '-e',
    'print join " ", $$, map { "$_=" . ($ENV{$_} // "-") } qw(LISTEN_FDS LISTEN_FDNAMES LISTEN_PID WATCHDOG_PID AUTOUP_PID)',
  ]
  const descriptors = [openSync('/dev/null', 'r'), openSync('/dev/null', 'r')]
  onEnd(() => {
    for (const fd of descriptors) closeSync(fd)
  })
  const child = await start(show, {
    descriptors,
    listenNames: ['http', 'admin'],
    pidVariables: ['LISTEN_PID', 'AUTOUP_PID'],
  })
  expect(await text(child.stdout as NodeJS.ReadableStream)).toBe(
    `${child.pid} LISTEN_FDS=2 LISTEN_FDNAMES=http:admin LISTEN_PID=${child.pid} WATCHDOG_PID=- AUTOUP_PID=${child.pid}`,
  )
  expect(await outputOf(show)).toMatch(/^\d+ LISTEN_FDS=- LISTEN_FDNAMES=- LISTEN_PID=- WATCHDOG_PID=- AUTOUP_PID=-$/)
})

test('hands on every word as it is, also through the shell', async () => {
  const words = ['a b', '', '$HOME', '"', "'", '\n', '-n', '*', '\\']
  const output = await outputOf([PERL, '-e', 'print join "|", @ARGV', '--', ...words], { pidVariables: ['AUTOUP_PID'] })
  expect(output).toBe(words.join('|'))
})

test.each([
  ['a program that is not there', { argv: ['/nonexistent/app'] }, 'ENOENT'],
  ['a file that is not executable', { argv: ['/etc/passwd'] }, 'EACCES'],
  ['a directory that is not there', { argv: ['/bin/true'], cwd: '/nonexistent' }, 'ENOENT'],
  ['a file for a directory', { argv: ['/bin/true'], cwd: '/etc/passwd' }, 'ENOTDIR'],
  ['an environment that is too long', { argv: ['/bin/true'], env: { A: 'x'.repeat(3_000_000) } }, 'E2BIG'],
])('rejects %s with the code of the system', async (_, request, code) => {
  await expect(spawnChild({ ...PLAIN, ...request })).rejects.toMatchObject({ code })
  await expect(spawnChild({ ...PLAIN, ...request, pidVariables: ['AUTOUP_PID'] })).rejects.toMatchObject({ code })
})

test('rejects a script whose interpreter is missing; through the shell that is status 126 or 127', async () => {
  const made = directory()
  writeFileSync(join(made, 'app'), '#!/nonexistent/interpreter\n')
  chmodSync(join(made, 'app'), 0o755)
  const argv = [join(made, 'app')]
  await expect(spawnChild({ ...PLAIN, argv })).rejects.toMatchObject({ code: 'ENOENT' })
  const child = await start(argv, { pidVariables: ['AUTOUP_PID'] })
  expect([126, 127]).toContain((await child.exited).code)
})

test('rejects a program that somebody writes to; through the shell that is status 126', async () => {
  const made = directory()
  const program = join(made, 'app')
  writeFileSync(program, readFileSync('/bin/true'), { mode: 0o755 })
  const writer = openSync(program, 'r+')
  onEnd(() => closeSync(writer))
  await expect(spawnChild({ ...PLAIN, argv: [program] })).rejects.toMatchObject({ code: 'ETXTBSY' })
  const child = await start([program], { pidVariables: ['AUTOUP_PID'] })
  expect((await child.exited).code).toBe(126)
})

needs('prlimit').test('rejects with EMFILE when there are no descriptors left', async () => {
  const limit = (value: string) => execFileSync('prlimit', ['--pid', String(process.pid), `--nofile=${value}:`])
  const before = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] as string
  const highest = Math.max(...readdirSync('/proc/self/fd').map(Number))
  // Room for the pipes that prlimit itself is started with, once those below are closed.
  limit(String(highest + 64))
  const taken: number[] = []
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'))
  } catch {
    // full
  }
  const failed = spawnChild({ ...PLAIN, argv: ['/bin/true'], pidVariables: ['AUTOUP_PID'] })
  for (const fd of taken) closeSync(fd)
  limit(before)
  await expect(failed).rejects.toMatchObject({ code: 'EMFILE' })
})

needs('root').test('drops the user, its group and all supplementary groups', async () => {
  const show = [PERL, '-e', 'print "$< $> ", join(",", split " ", $(), " ", join ",", split " ", $)']
  const output = await outputOf(show, { user: { uid: 65_534, gid: 65_533 }, pidVariables: ['AUTOUP_PID'] })
  expect(output).toBe('65534 65534 65533 65533')
})

test('signals the main process alone, but kills the group and the rest of the session', async () => {
  const script =
    '$| = 1; $SIG{TERM} = sub { exit 0 }; ' +
    // One in the group, one in a group of its own.
    'for my $own (0, 1) { my $p = fork; unless ($p) { $SIG{TERM} = "DEFAULT"; setpgrp if $own; print "$$\\n"; sleep 60; exit } } sleep 60 while 1'
  const child = await start([PERL, '-e', script])
  const members: number[] = []
  let said = ''
  for await (const chunk of child.stdout?.setEncoding('utf8') ?? []) {
    said += chunk
    if (said.split('\n').length > 2) break
  }
  for (const line of said.trim().split('\n')) members.push(Number(line))
  expect(members.map((pid) => readStat(pid)?.session)).toEqual([child.pid, child.pid])
  expect(members.filter((pid) => readStat(pid)?.pgrp === child.pid)).toHaveLength(1)
  expect(child.signal('SIGTERM')).toBe(true)
  expect(await child.exited).toEqual({ code: 0, signal: null })
  expect(members.map((pid) => isAlive(pid))).toEqual([true, true])
  child.killGroup()
  await until('both are dead', () => members.every((pid) => !isAlive(pid)))
})

test('kills nobody when the pid belongs to another process by now', async () => {
  const { killSession } = await import('../../src/system/kill-session.ts')
  const child = await start(['/bin/sleep', '60'])
  killSession(child.pid, child.startTicks - 1)
  expect(isAlive(child.pid, child.startTicks)).toBe(true)
  killSession(child.pid, child.startTicks)
  expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' })
  expect(allPids()).not.toContain(child.pid)
})

test('lets no ignored or blocked signal of the master reach a child', async () => {
  const ignore = () => undefined
  process.on('SIGUSR2', ignore)
  onEnd(() => process.off('SIGUSR2', ignore))
  const status = await outputOf(['/bin/grep', '-E', '^Sig(Blk|Ign)', '/proc/self/status'])
  expect(status.match(/[0-9a-f]{16}/g)).toEqual(['0'.repeat(16), '0'.repeat(16)])
})
