import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import * as descriptors from '../../src/system/libc/descriptors.ts'
import * as processes from '../../src/system/libc/processes.ts'
import * as selfTests from '../../src/system/libc/self-test.ts'
import * as sockets from '../../src/system/libc/sockets.ts'
import { onEnd } from '../support/on-end.ts'
import { needs } from '../support/requirements.ts'

function opened(fd: number): number {
  onEnd(() => descriptors.close(fd))
  return fd
}

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'autoup-libc-'))
  onEnd(() => rmSync(path, { recursive: true, force: true }))
  return path
}

test('the self-test passes on this machine', () => {
  expect(selfTests.selfTest).not.toThrow()
})

test('a failing call throws what Node would throw', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onEnd(() => void server.close())
  const { port } = server.address() as { port: number }
  const fd = opened(sockets.socket('tcp4'))
  let mine: unknown
  try {
    sockets.bind(fd, { family: 'tcp4', host: '127.0.0.1', port })
  } catch (error) {
    mine = error
  }
  expect(mine).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', errno: -98 })
  expect((mine as Error).message).toBe('EADDRINUSE: address already in use, bind')
})

test.each([
  { family: 'tcp4', host: '127.0.0.1' },
  { family: 'tcp6', host: '::1' },
  { family: 'tcp6', host: '::' },
] as const)('an address comes back from the kernel as it went in: $host', ({ family, host }) => {
  const fd = opened(sockets.socket(family))
  sockets.bind(fd, { family, host, port: 0 })
  const name = sockets.getsockname(fd)
  expect(name).toMatchObject({ family, host })
  expect((name as { port: number }).port).toBeGreaterThan(1023)
})

test('a unix socket is bound to its path or abstract name, up to the last byte', () => {
  const path = join(directory(), 'x'.repeat(107)).slice(0, 107)
  for (const name of [path, `@autoup-test-${process.pid}`]) {
    const fd = opened(sockets.socket('unix', 'datagram'))
    sockets.bind(fd, { family: 'unix', path: name })
    expect(sockets.getsockname(fd)).toEqual({ family: 'unix', path: name })
  }
  const fd = opened(sockets.socket('unix'))
  expect(sockets.getsockname(fd)).toEqual({ family: 'unix', path: '' })
  expect(() => sockets.bind(fd, { family: 'unix', path: `${path}x` })).toThrow(
    expect.objectContaining({ code: 'ENAMETOOLONG' }),
  )
})

test('sockets are made non-blocking and closed on exec, and both can be changed', () => {
  const fd = opened(sockets.socket('tcp4'))
  expect([descriptors.isNonBlocking(fd), descriptors.isCloseOnExec(fd)]).toEqual([true, true])
  descriptors.setNonBlocking(fd, false)
  descriptors.setCloseOnExec(fd, false)
  expect([descriptors.isNonBlocking(fd), descriptors.isCloseOnExec(fd)]).toEqual([false, false])
})

test('options are read and written, and say what a socket is', () => {
  const fd = opened(sockets.socket('tcp6'))
  sockets.setsockopt(fd, 'SO_REUSEADDR', 1)
  sockets.setsockopt(fd, 'IPV6_V6ONLY', 1)
  expect(sockets.getsockopt(fd, 'SO_REUSEADDR')).toBe(1)
  expect(sockets.getsockopt(fd, 'IPV6_V6ONLY')).toBe(1)
  expect(sockets.getsockopt(fd, 'SO_DOMAIN')).toBe(10)
  expect(sockets.socketType(fd)).toBe('stream')
  expect(sockets.isListening(fd)).toBe(false)
  sockets.listen(fd, 5)
  expect(sockets.isListening(fd)).toBe(true)
})

needs('python3').test('a datagram announces itself by SIGIO and is received; an empty socket is null', async () => {
  const path = join(directory(), 'notify')
  const fd = opened(sockets.socket('unix', 'datagram'))
  sockets.bind(fd, { family: 'unix', path })
  const signalled = once(process, 'SIGIO')
  descriptors.setOwner(fd, process.pid)
  descriptors.setAsync(fd, true)
  const buffer = Buffer.alloc(64)
  expect(sockets.recv(fd, buffer)).toBeNull()
  const script = 'import socket,sys; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", sys.argv[1])'
  expect(spawnSync('python3', ['-c', script, path]).status).toBe(0)
  await signalled
  expect(buffer.toString('utf8', 0, sockets.recv(fd, buffer) ?? 0)).toBe('READY=1')
})

test('a lock belongs to one open file', () => {
  const path = join(directory(), 'lock')
  const one = opened(openSync(path, 'w'))
  const two = opened(openSync(path, 'w'))
  expect(descriptors.flock(one)).toBe(true)
  expect(descriptors.flock(two)).toBe(false)
})

test('a file that somebody has open for writing is told from one that is at rest', () => {
  const path = join(directory(), 'artifact')
  writeFileSync(path, 'x')
  const writer = openSync(path, 'a')
  const reader = opened(openSync(path, 'r'))
  expect(descriptors.isOpenForWriting(reader)).toBe(true)
  closeSync(writer)
  expect(descriptors.isOpenForWriting(reader)).toBe(false)
})

test('the name of the process can be set', () => {
  const name = () => readFileSync('/proc/thread-self/comm', 'utf8').trim()
  const before = name()
  onEnd(() => processes.setProcessName(before))
  processes.setProcessName('autoup-test-with-a-long-name')
  expect(name()).toBe('autoup-test-wit')
})

test('a child subreaper adopts an orphan and reaps it', async () => {
  processes.setChildSubreaper(true)
  onEnd(() => processes.setChildSubreaper(false))
  // The shell leaves at once; the sleeper loses its parent and then dies of a signal.
  const shell = spawn('sh', ['-c', 'sleep 60 >/dev/null & echo $!'], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  shell.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  await once(shell, 'close')
  const pid = Number(output)
  onEnd(() => {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // Dead, as it should be.
    }
  })
  expect(processes.waitpid(pid)).toBeNull()
  process.kill(pid, 'SIGTERM')
  await expect
    .poll(() => processes.waitpid(pid), { timeout: 5_000 })
    .toMatchObject({ pid, exitCode: null, signal: 'SIGTERM' })
  expect(() => processes.waitpid(pid)).toThrow(expect.objectContaining({ code: 'ECHILD', syscall: 'waitpid' }))
})

needs('python3').test('a descriptor of another process is copied', async () => {
  const script =
    'import socket,sys; s=socket.create_server(("127.0.0.1",0)); print(s.fileno(), flush=True); sys.stdin.read()'
  const child = spawn('python3', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  onEnd(() => void child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const pidfd = opened(processes.pidfdOpen(child.pid as number))
  const copy = opened(processes.pidfdGetfd(pidfd, Number(line.toString())))
  expect(fstatSync(copy).isSocket()).toBe(true)
  expect(sockets.isListening(copy)).toBe(true)
  expect(descriptors.isCloseOnExec(copy)).toBe(true)
  expect(() => processes.pidfdGetfd(pidfd, 999)).toThrow(
    expect.objectContaining({ code: 'EBADF', syscall: 'pidfd_getfd' }),
  )
})
