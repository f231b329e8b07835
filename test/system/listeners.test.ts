import { once } from 'node:events'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseListen } from '../../src/core/address.ts'
import * as descriptors from '../../src/system/libc/descriptors.ts'
import * as processes from '../../src/system/libc/processes.ts'
import * as sockets from '../../src/system/libc/sockets.ts'
import { closeListener, inodeOf, openListeners, readInherited } from '../../src/system/listeners.ts'
import { onEnd } from '../support/on-end.ts'
import { freePort } from '../support/ports.ts'
import { needs } from '../support/requirements.ts'
import { ANSWER, python, SOCKET, startPython } from './python.ts'
import { attempt, dial, directory, heard, openAll, openOne, refusal } from './sockets.ts'

needs('python3').test('a bound listener parks connections until a worker takes them', async () => {
  const listener = openOne('127.0.0.1:0')
  const client = await dial(listener)
  python(ANSWER, [listener.fd])
  expect(await heard(client)).toBe('hello')
})

needs('python3').test('a listener does not block, closes on exec, reuses its address and never its port', () => {
  const { fd } = openOne('127.0.0.1:0')
  expect(descriptors.isNonBlocking(fd)).toBe(true)
  expect(descriptors.isCloseOnExec(fd)).toBe(true)
  const script = `${SOCKET}print(s.getsockopt(1, socket.SO_REUSEADDR), s.getsockopt(1, socket.SO_REUSEPORT))`
  expect(python(script, [fd])).toBe('1 0')
})

test('a bare port is one dual-stack socket', async () => {
  const port = await freePort()
  const listener = openOne(`http=${port}`)
  expect(listener).toMatchObject({
    name: 'http',
    address: `*:${port}`,
    shown: `[::]:${port}`,
    family: 'tcp',
    port,
    path: null,
    how: 'bound',
    inode: inodeOf(listener.fd),
  })
  await dial(listener, '127.0.0.1')
  await dial(listener, '::1')
})

test('where any port will do, the address stays what was asked for and the port is the one found', async () => {
  const listener = openOne('127.0.0.1:0')
  expect(listener.address).toBe('127.0.0.1:0')
  expect(listener.shown).toBe(`127.0.0.1:${listener.port}`)
  await dial(listener)
})

test('[::] leaves the IPv4 side to a listener of its own', async () => {
  const port = await freePort()
  const [v6, v4] = openAll([`six=[::]:${port}`, `four=0.0.0.0:${port}`])
  expect([v6?.shown, v4?.shown]).toEqual([`[::]:${port}`, `0.0.0.0:${port}`])
})

needs('python3').test('a port in use is refused with the name and pid of who has it', async () => {
  const { line, pid } = await startPython(
    'import signal, socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True); signal.pause()',
  )
  for (const address of [`127.0.0.1:${line}`, line]) {
    const error = refusal(() => openOne(address))
    expect(error.code).toBe('failed')
    expect(error.message).toContain(`in use by python3 (pid ${pid}); stop it`)
    expect(error.data.errno).toBe('EADDRINUSE')
  }
})

test('a port covered by another listener of the same master says so', async () => {
  const port = await freePort()
  expect(
    refusal(() => openAll([`${port}`, `127.0.0.1:${port}`].map((address, index) => `n${index}=${address}`))).message,
  ).toContain('this very process')
})

test('when one listener cannot be had, the others are closed again', async () => {
  const port = await freePort()
  const path = join(directory(), 'app.sock')
  const error = refusal(() => openAll([`127.0.0.1:${port}`, `unix:${path}`, '192.0.2.1:8080']))
  expect(error.message).toContain('no network interface here has that address')
  expect(await attempt({ port, path: null })).toBe('ECONNREFUSED')
  expect(existsSync(path)).toBe(false)
})

test.each([
  ['[1:2]:80', 'is not an IPv6 address'],
  ['[fe80::1]:80', '[fe80::1%eth0]:80'],
  ['[fe80::1%nowhere]:80', "there is no network interface 'nowhere'"],
  ['unix:/nowhere/at/all/app.sock', 'the directory /nowhere/at/all does not exist; create it'],
])('%s cannot be listened on, and the sentence says why', (address, why) => {
  expect(refusal(() => openOne(address)).message).toContain(why)
})

test.each([
  [['a=8080', 'b=8080'], 'two listeners have the address *:8080'],
  [['a=8080', 'a=8081'], "two listeners are named 'a'"],
])('%j is a usage error', (texts, message) => {
  const error = refusal(() => openAll(texts))
  expect(error.code).toBe('usage')
  expect(error.message).toContain(message)
})

test('a unix socket has the mode it was given and is unlinked only when asked', async () => {
  const path = join(directory(), 'app.sock')
  const listener = openOne(`unix:${path}?mode=0660`)
  expect(listener).toMatchObject({ name: 'app.sock', address: `unix:${path}`, shown: `unix:${path}`, path, port: null })
  expect(statSync(path).mode & 0o777).toBe(0o660)
  await dial(listener)
  closeListener(listener, { unlink: false })
  expect(existsSync(path)).toBe(true)
  closeListener(openOne(`unix:${path}`), { unlink: true })
  expect(existsSync(path)).toBe(false)
})

test('the path of an inherited unix socket is left to whoever made it', () => {
  const path = join(directory(), 'app.sock')
  const made = openOne(`unix:${path}`)
  const inherited = { ...made, host: null, fd: copyOf(made.fd) }
  const [listener] = openAll([`unix:${path}`], [inherited])
  if (listener) closeListener(listener, { unlink: true })
  expect(listener).toMatchObject({ how: 'inherited', fd: -1 })
  expect(existsSync(path)).toBe(true)
})

needs('root').test('a unix socket is given to its owner', () => {
  const path = join(directory(), 'app.sock')
  openOne(`unix:${path}?owner=nobody:65534`)
  expect(statSync(path)).toMatchObject({ uid: 65534, gid: 65534 })
})

test('a dead unix socket is replaced, a live one and a file are left alone', async () => {
  const path = join(directory(), 'app.sock')
  closeListener(openOne(`unix:${path}`), { unlink: false })
  await dial(openOne(`unix:${path}`))

  const live = join(directory(), 'live.sock')
  const server = net.createServer().listen(live)
  onEnd(() => server.close())
  await once(server, 'listening')
  expect(refusal(() => openOne(`unix:${live}`)).message).toMatch(/this very process .* listens there/)
  expect(await attempt({ path: live, port: null })).toBe('connected')

  const file = join(directory(), 'file')
  writeFileSync(file, 'precious')
  expect(refusal(() => openOne(`unix:${file}`)).message).toContain('something that is not a socket; remove it')
  expect(existsSync(file)).toBe(true)
})

test('a live datagram socket on the path is left alone', () => {
  const path = join(directory(), 'log')
  const fd = sockets.socket('unix', 'datagram')
  onEnd(() => descriptors.close(fd))
  sockets.bind(fd, { family: 'unix', path })
  expect(refusal(() => openOne(`unix:${path}`)).message).toContain('another process listens there')
})

test('an orphaned socket is taken for its address, and one that nobody wants is closed', () => {
  const [old, stale] = openAll(['127.0.0.1:0', 'unused=127.0.0.2:0'])
  const orphaned = new Map([old, stale].map((each) => [each?.address ?? '', copyOf(each?.fd ?? -1)]))
  const unused = orphaned.get('127.0.0.2:0') as number
  const [listener, ...rest] = openAll(['127.0.0.1:0'], [], orphaned)
  expect(rest).toEqual([])
  expect(listener).toMatchObject({
    how: 'taken-back',
    inode: old?.inode,
    port: old?.port,
    fd: orphaned.get('127.0.0.1:0'),
  })
  expect(() => inodeOf(unused)).toThrow('EBADF')
})

test('an inherited socket serves the listener it matches by address or by name; the rest is passed on', () => {
  const made = openAll(['a=127.0.0.1:0', 'b=[::1]:0', 'c=127.0.0.3:0'])
  const datagram = sockets.socket('tcp4', 'datagram')
  onEnd(() => descriptors.close(datagram))
  sockets.bind(datagram, { family: 'tcp4', host: '127.0.0.1', port: 0 })
  const [byAddress, byName, unknown] = made
  const names = ['whatever', 'web', 'spare']
  const inherited = [
    ...made.map((listener, index) => ({
      ...listener,
      fd: copyOf(listener.fd),
      host: listener.shown.replace(/:\d+$/, '').replace(/[[\]]/g, ''),
      name: names[index] as string,
    })),
    {
      name: 'dns',
      fd: copyOf(datagram),
      family: 'other' as const,
      shown: 'udp',
      host: null,
      port: null,
      path: null,
      inode: 0,
    },
  ]
  const listeners = openAll([`web=127.0.0.9:1`, `127.0.0.1:${byAddress?.port}`], inherited)
  expect(listeners.map(({ name, how, inode, family }) => [name, how, inode, family])).toEqual([
    ['web', 'inherited', byName?.inode, 'tcp'],
    [`port-${byAddress?.port}`, 'inherited', byAddress?.inode, 'tcp'],
    ['spare', 'inherited', unknown?.inode, 'tcp'],
    ['dns', 'inherited', inodeOf(datagram), 'other'],
  ])
  expect(listeners.map(({ spec }) => spec === null)).toEqual([false, false, true, true])
  expect(listeners[3]?.shown).toMatch(/^udp:127\.0\.0\.1:\d+$/)
})

test('a wildcard that was inherited is the one that was asked for, whatever its family', () => {
  const wild = openOne('[::]:0')
  const socket = { ...wild, host: '::', fd: copyOf(wild.fd), name: 'unknown' }
  const specs = [`${wild.port}`, `0.0.0.0:${wild.port}`, `[0:0:0:0:0:0:0:0]:${wild.port}`].map(parseListen)
  for (const spec of specs) expect(openListeners([spec], [socket], new Map())).toMatchObject([{ fd: socket.fd, spec }])
  descriptors.close(socket.fd)
})

test('variables that are meant for another process are no inheritance', () => {
  expect(readInherited({ LISTEN_FDS: '1', LISTEN_PID: '1' }, process.pid)).toEqual([])
  expect(readInherited({ LISTEN_FDS: '1' }, process.pid)).toEqual([])
  expect(readInherited({}, process.pid)).toEqual([])
})

test('variables that promise what is not there are refused', () => {
  const env = { LISTEN_FDS: '9999', LISTEN_PID: String(process.pid) }
  expect(refusal(() => readInherited(env, process.pid)).message).toMatch(/but descriptor \d+ is not open/)
  expect(refusal(() => readInherited({ ...env, LISTEN_FDS: 'two' }, process.pid)).message).toContain(
    "'two', not a number",
  )
})

/** A second descriptor of the same socket, as a fork would leave one. */
function copyOf(fd: number): number {
  const self = processes.pidfdOpen(process.pid)
  try {
    return processes.pidfdGetfd(self, fd)
  } finally {
    descriptors.close(self)
  }
}

test('says who has the port, also where that has an IPv4 address in a socket of IPv6, as Java binds it', async () => {
  const port = await freePort()
  const holder = sockets.socket('tcp6')
  onEnd(() => descriptors.close(holder))
  sockets.bind(holder, { family: 'tcp6', host: '::ffff:127.0.0.1', port })
  sockets.listen(holder, 16)
  expect(refusal(() => openOne(`127.0.0.1:${port}`)).message).toContain('in use by this very process')
})
