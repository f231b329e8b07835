import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import * as libc from '../../src/system/libc.ts'
import { onEnd } from '../support/on-end.ts'

function opened(fd: number): number {
  onEnd(() => libc.close(fd))
  return fd
}

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'autoup-libc-'))
  onEnd(() => rmSync(path, { recursive: true, force: true }))
  return path
}

test('the self-test passes on this machine', () => {
  expect(libc.selfTest).not.toThrow()
})

test('a failing call throws what Node would throw', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onEnd(() => void server.close())
  const { port } = server.address() as { port: number }
  const fd = opened(libc.socket('tcp4'))
  let mine: unknown
  try {
    libc.bind(fd, { family: 'tcp4', host: '127.0.0.1', port })
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
  const fd = opened(libc.socket(family))
  libc.bind(fd, { family, host, port: 0 })
  const name = libc.getsockname(fd)
  expect(name).toMatchObject({ family, host })
  expect((name as { port: number }).port).toBeGreaterThan(1023)
})

test('a unix socket is bound to its path or abstract name, up to the last byte', () => {
  const path = join(directory(), 'x'.repeat(107)).slice(0, 107)
  for (const name of [path, `@autoup-test-${process.pid}`]) {
    const fd = opened(libc.socket('unix', 'datagram'))
    libc.bind(fd, { family: 'unix', path: name })
    expect(libc.getsockname(fd)).toEqual({ family: 'unix', path: name })
  }
  const fd = opened(libc.socket('unix'))
  expect(libc.getsockname(fd)).toEqual({ family: 'unix', path: '' })
  expect(() => libc.bind(fd, { family: 'unix', path: `${path}x` })).toThrow(
    expect.objectContaining({ code: 'ENAMETOOLONG' }),
  )
})

test('sockets are made non-blocking and closed on exec, and both can be changed', () => {
  const fd = opened(libc.socket('tcp4'))
  expect([libc.isNonBlocking(fd), libc.isCloseOnExec(fd)]).toEqual([true, true])
  libc.setNonBlocking(fd, false)
  libc.setCloseOnExec(fd, false)
  expect([libc.isNonBlocking(fd), libc.isCloseOnExec(fd)]).toEqual([false, false])
})

test('options are read and written, and say what a socket is', () => {
  const fd = opened(libc.socket('tcp6'))
  libc.setsockopt(fd, 'SO_REUSEADDR', 1)
  libc.setsockopt(fd, 'IPV6_V6ONLY', 1)
  expect(libc.getsockopt(fd, 'SO_REUSEADDR')).toBe(1)
  expect(libc.getsockopt(fd, 'IPV6_V6ONLY')).toBe(1)
  expect(libc.getsockopt(fd, 'SO_DOMAIN')).toBe(10)
  expect(libc.socketType(fd)).toBe('stream')
  expect(libc.isListening(fd)).toBe(false)
  libc.listen(fd, 5)
  expect(libc.isListening(fd)).toBe(true)
})

test('a datagram announces itself by SIGIO and is received; an empty socket is null', async () => {
  const path = join(directory(), 'notify')
  const fd = opened(libc.socket('unix', 'datagram'))
  libc.bind(fd, { family: 'unix', path })
  const signalled = once(process, 'SIGIO')
  libc.setOwner(fd, process.pid)
  libc.setAsync(fd, true)
  const buffer = Buffer.alloc(64)
  expect(libc.recv(fd, buffer)).toBeNull()
  const script = 'import socket,sys; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", sys.argv[1])'
  expect(spawnSync('python3', ['-c', script, path]).status).toBe(0)
  await signalled
  expect(buffer.toString('utf8', 0, libc.recv(fd, buffer) ?? 0)).toBe('READY=1')
})

test('a lock belongs to one open file', () => {
  const path = join(directory(), 'lock')
  const one = opened(openSync(path, 'w'))
  const two = opened(openSync(path, 'w'))
  expect(libc.flock(one)).toBe(true)
  expect(libc.flock(two)).toBe(false)
})

test('a file that somebody has open for writing is told from one that is at rest', () => {
  const path = join(directory(), 'artifact')
  writeFileSync(path, 'x')
  const writer = openSync(path, 'a')
  const reader = opened(openSync(path, 'r'))
  expect(libc.isOpenForWriting(reader)).toBe(true)
  closeSync(writer)
  expect(libc.isOpenForWriting(reader)).toBe(false)
})

test('the name of the process can be set', () => {
  const name = () => readFileSync('/proc/thread-self/comm', 'utf8').trim()
  const before = name()
  onEnd(() => libc.setProcessName(before))
  libc.setProcessName('autoup-test-with-a-long-name')
  expect(name()).toBe('autoup-test-wit')
})

test('a child subreaper adopts an orphan and reaps it', async () => {
  libc.setChildSubreaper(true)
  onEnd(() => libc.setChildSubreaper(false))
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
  expect(libc.waitpid(pid)).toBeNull()
  process.kill(pid, 'SIGTERM')
  await expect
    .poll(() => libc.waitpid(pid), { timeout: 5_000 })
    .toMatchObject({ pid, exitCode: null, signal: 'SIGTERM' })
  expect(() => libc.waitpid(pid)).toThrow(expect.objectContaining({ code: 'ECHILD', syscall: 'waitpid' }))
})

test('a descriptor of another process is copied', async () => {
  const script =
    'import socket,sys; s=socket.create_server(("127.0.0.1",0)); print(s.fileno(), flush=True); sys.stdin.read()'
  const child = spawn('python3', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  onEnd(() => void child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const pidfd = opened(libc.pidfdOpen(child.pid as number))
  const copy = opened(libc.pidfdGetfd(pidfd, Number(line.toString())))
  expect(fstatSync(copy).isSocket()).toBe(true)
  expect(libc.isListening(copy)).toBe(true)
  expect(libc.isCloseOnExec(copy)).toBe(true)
  expect(() => libc.pidfdGetfd(pidfd, 999)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'pidfd_getfd' }))
})
