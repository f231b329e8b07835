import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { presetOf } from '../../src/core/presets.ts'
import { ownListeners } from '../../src/system/holdings.ts'
import { close } from '../../src/system/libc/descriptors.ts'
import { bind, isListening, listen, socket } from '../../src/system/libc/sockets.ts'
import { probeHttp } from '../../src/system/probe.ts'
import { connectionCounter, servesSocket } from '../../src/system/serving.ts'
import { spawnChild } from '../../src/system/spawn.ts'
import { onEnd } from '../support/on-end.ts'
import { freePort } from '../support/ports.ts'
import { findProgram, needs } from '../support/requirements.ts'
import { until } from '../support/until.ts'
import { start } from './helper-process.ts'

const NONE: ReadonlySet<number> = new Set()
const NO_PATHS: ReadonlySet<string> = new Set()

interface Listener {
  fd: number
  inode: number
}

function inodeOf(fd: number): number {
  return statSync(`/proc/self/fd/${fd}`).ino
}

function tcpListener(port: number, host: string): Listener {
  const fd = socket(host.includes(':') ? 'tcp6' : 'tcp4')
  onEnd(() => close(fd))
  bind(fd, { family: host.includes(':') ? 'tcp6' : 'tcp4', host, port })
  listen(fd, 16)
  return { fd, inode: inodeOf(fd) }
}

function unixListener(path: string): Listener {
  const fd = socket('unix')
  onEnd(() => close(fd))
  bind(fd, { family: 'unix', path })
  listen(fd, 16)
  return { fd, inode: inodeOf(fd) }
}

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), 'serving-'))
  onEnd(() => rmSync(made, { recursive: true }))
  return made
}

function connected(target: net.NetConnectOpts): Promise<net.Socket> {
  const client = net.connect(target)
  onEnd(() => client.destroy())
  return once(client, 'connect').then(() => client)
}

/** Accepts on descriptor 3 when told to, one connection for each line, and never uses an epoll. */
const ACCEPTING = `
import socket, sys
s = socket.socket(fileno=3)
s.setblocking(True)
print('up', flush=True)
kept = []
for line in sys.stdin:
    if line == 'accept\\n': kept.append(s.accept()[0])
    else: kept.pop().close()
    print('done', flush=True)
`

/** Another process that serves descriptor 3 with an epoll when told to; its parent only starts it. */
const WITH_CHILD = `
const child = "process.stdin.once('data', () => require('node:net').createServer().listen({ fd: 3 }, () => console.log('listening'))); console.log('up')"
require('node:child_process').spawn(process.execPath, ['-e', child], { stdio: [0, 1, 2, 3] })
`

test('sees a server by its epoll, also when a descendant serves', async () => {
  const ours = tcpListener(await freePort(), '127.0.0.1')
  const helper = start([process.execPath, '-e', WITH_CHILD], { stdio: [ours.fd] })
  const serves = (inode: number) => servesSocket(helper.pid, new Set([inode]), NONE, NO_PATHS)
  await helper.line()
  expect(serves(ours.inode)).toBeNull()
  helper.write('go\n')
  await helper.line()
  await until('its epoll watches', () => serves(ours.inode) === 'epoll')
  expect(serves(inodeOf(1))).toBeNull()
})

needs('python3').test('sees a server without an epoll by the connection it has accepted', async () => {
  const port = await freePort()
  const ours = tcpListener(port, '127.0.0.1')
  const helper = start(['python3', '-c', ACCEPTING], { stdio: [ours.fd] })
  const serves = (ports: number[]) => servesSocket(helper.pid, new Set([ours.inode]), new Set(ports), NO_PATHS)
  await helper.line()
  expect(serves([port])).toBeNull()
  await connected({ port, host: '127.0.0.1' })
  // The kernel has taken the connection, the server has not.
  expect(serves([port])).toBeNull()
  helper.write('accept\n')
  await helper.line()
  expect(serves([port])).toBe('accepted')
  expect(serves([port + 1])).toBeNull()
  await connected({ port, host: '127.0.0.1' })
  const count = () => connectionCounter(new Set([ours.inode]), new Set([port]), NO_PATHS)(helper.pid)
  expect(count()).toBe(1)
  helper.write('accept\n')
  await helper.line()
  expect(count()).toBe(2)
  helper.write('close\n')
  await helper.line()
  helper.write('close\n')
  await helper.line()
  expect(serves([port])).toBeNull()
})

needs('python3').test('counts many connections of several processes, each its own', async () => {
  const port = await freePort()
  const ours = tcpListener(port, '127.0.0.1')
  const [busy, quiet] = [0, 1].map(() => start(['python3', '-c', ACCEPTING], { stdio: [ours.fd] }))
  await Promise.all([busy?.line(), quiet?.line()])
  const accept = async (helper: typeof busy): Promise<void> => {
    await connected({ port, host: '127.0.0.1' })
    helper?.write('accept\n')
    await helper?.line()
  }
  // More than are asked one by one: the tables of the kernel tell.
  for (let each = 0; each < 70; each++) await accept(busy)
  for (let each = 0; each < 3; each++) await accept(quiet)
  const count = connectionCounter(new Set([ours.inode]), new Set([port]), NO_PATHS)
  expect([count(busy?.pid ?? 0), count(quiet?.pid ?? 0)]).toEqual([70, 3])
})

needs('python3').test('still counts a connection whose client has left', async () => {
  const port = await freePort()
  const ours = tcpListener(port, '::')
  const helper = start(['python3', '-c', ACCEPTING], { stdio: [ours.fd] })
  await helper.line()
  const client = await connected({ port, host: '127.0.0.1' })
  helper.write('accept\n')
  await helper.line()
  client.end()
  await once(client, 'finish')
  expect(servesSocket(helper.pid, new Set([ours.inode]), new Set([port]), NO_PATHS)).toBe('accepted')
})

needs('python3').test('never takes the connection of an old generation for one of the new', async () => {
  const port = await freePort()
  const ours = tcpListener(port, '127.0.0.1')
  const [old, fresh] = [0, 1].map(() => start(['python3', '-c', ACCEPTING], { stdio: [ours.fd] }))
  await Promise.all([old?.line(), fresh?.line()])
  await connected({ port, host: '127.0.0.1' })
  old?.write('accept\n')
  await old?.line()
  const serves = (pid = 0) => servesSocket(pid, new Set([ours.inode]), new Set([port]), NO_PATHS)
  expect(serves(old?.pid)).toBe('accepted')
  expect(serves(fresh?.pid)).toBeNull()
})

needs('python3').test('sees an accepted connection of a unix listener, not the client end of one', async () => {
  const path = join(directory(), 'a b.sock')
  const ours = unixListener(path)
  const helper = start(['python3', '-c', ACCEPTING], { stdio: [ours.fd] })
  await helper.line()
  await connected({ path })
  const serves = (pid: number) => servesSocket(pid, new Set([ours.inode]), NONE, new Set([path]))
  expect(serves(helper.pid)).toBeNull()
  helper.write('accept\n')
  await helper.line()
  expect(serves(helper.pid)).toBe('accepted')
  const client = start([
    'python3',
    '-c',
    `import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print('up', flush=True); sys.stdin.read()`,
    path,
  ])
  await client.line()
  expect(serves(client.pid)).toBeNull()
})

needs('nginx').test('sees nginx serve an inherited socket, in the dialect of its preset', async () => {
  const [port, made] = [await freePort(), directory()]
  const ours = tcpListener(port, '127.0.0.1')
  writeFileSync(
    join(made, 'conf'),
    `error_log stderr; pid ${made}/nginx.pid; worker_processes 1; events {}
     http { access_log off; client_body_temp_path ${made}; server { listen 127.0.0.1:${port}; return 200; } }`,
  )
  const preset = presetOf(['nginx'])
  const env = preset?.environment([{ fd: 3, address: { host: '127.0.0.1', port } }])
  const nginx = findProgram('nginx') as string
  const argv = [nginx, '-p', made, '-c', join(made, 'conf'), '-e', 'stderr']
  const child = await spawnChild({
    argv,
    cwd: made,
    env: { ...process.env, ...env } as Record<string, string>,
    descriptors: [ours.fd],
    listenNames: ['http'],
    pidVariables: [],
    user: null,
    stdout: 'ignore',
    stderr: 'ignore',
  })
  onEnd(() => child.killGroup())
  const serves = () => servesSocket(child.pid, new Set([ours.inode]), NONE, NO_PATHS)
  await until('nginx serves', () => serves() === 'epoll')
  expect(ownListeners(child.pid, new Set([ours.inode]))).toEqual([])
  expect(await probeHttp({ port }, '/', 5_000)).toBeNull()
  child.signal(preset?.drainSignal as string)
  expect(await child.exited).toEqual({ code: 0, signal: null })
  // Still ours, and still listening.
  expect(isListening(ours.fd)).toBe(true)
})
