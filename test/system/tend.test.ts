import { existsSync, statSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import * as descriptors from '../../src/system/libc/descriptors.ts'
import * as sockets from '../../src/system/libc/sockets.ts'
import { inodeOf, type Listener } from '../../src/system/listeners.ts'
import { rebind, tend } from '../../src/system/tend.ts'
import { onEnd } from '../support/on-end.ts'
import { needs } from '../support/requirements.ts'
import { ANSWER, python, SOCKET, startPython } from './python.ts'
import { attempt, dial, directory, heard, openOne, refusal } from './sockets.ts'

/** tcpi_sacked of struct tcp_info: for a listener, its backlog (tcp(7), TCP_INFO). */
const PRINT_BACKLOG = `${SOCKET}import struct; print(struct.unpack_from("I", s.getsockopt(6, 11, 104), 28)[0])`
const SHUT = `${SOCKET}s.shutdown(socket.SHUT_RDWR)`

test('an untouched listener is fine', () => {
  expect(tend(openOne('127.0.0.1:0'))).toBe('fine')
  expect(tend(openOne(`unix:${join(directory(), 'app.sock')}`))).toBe('fine')
})

needs('python3').test('a backlog that a worker shrank is ours again', () => {
  const { fd, ...listener } = openOne('127.0.0.1:0')
  expect(python(`${SOCKET}s.listen(5)`, [fd])).toBe('')
  expect(python(PRINT_BACKLOG, [fd])).toBe('5')
  expect(tend({ ...listener, fd })).toBe('fine')
  expect(Number(python(PRINT_BACKLOG, [fd]))).toBeGreaterThan(511)
})

needs('python3').test('a queue that a worker made too short takes clients again', async () => {
  const listener = openOne('127.0.0.1:0')
  python(`${SOCKET}s.listen(0)`, [listener.fd])
  tend(listener)
  await Promise.all(Array.from({ length: 20 }, () => dial(listener)))
})

needs('python3').test('O_NONBLOCK that a worker cleared for all is set again', () => {
  const listener = openOne('127.0.0.1:0')
  python(`${SOCKET}import os; os.set_blocking(3, True)`, [listener.fd])
  expect(descriptors.isNonBlocking(listener.fd)).toBe(false)
  expect(tend(listener)).toBe('fine')
  expect(descriptors.isNonBlocking(listener.fd)).toBe(true)
})

needs('python3').test('a TCP socket that a worker shut down listens again on its port, for every holder', async () => {
  const listener = openOne('127.0.0.1:0')
  // A holder that waits in epoll all the while, as servers do.
  const script = `${SOCKET}import select
s.setblocking(False); e = select.epoll(); e.register(s, select.EPOLLIN | select.EPOLLET); print("up", flush=True)
while True:
  e.poll(10)
  try: c, _ = s.accept()
  except OSError: continue
  c.sendall(b"hello"); c.close()`
  await startPython(script, [listener.fd])
  python(SHUT, [listener.fd])
  expect(await attempt(listener)).toBe('ECONNREFUSED')
  expect(tend(listener)).toBe('revived')
  expect(tend(listener)).toBe('fine')
  expect(await heard(await dial(listener))).toBe('hello')
})

needs('python3').test(
  'a TCP socket that two workers shut down, one after the other, answers again and resets nobody',
  async () => {
    const listener = openOne('127.0.0.1:0')
    python(SHUT, [listener.fd])
    python(
      `${SOCKET}
try: s.shutdown(socket.SHUT_RDWR)
except OSError: pass`,
      [listener.fd],
    )
    expect(tend(listener)).toBe('revived')
    await startPython(`print("up", flush=True); ${ANSWER}`, [listener.fd])
    expect(await heard(await dial(listener))).toBe('hello')
  },
)

needs('python3').test(
  'a TCP port that somebody took while the socket was shut is lost, and who took it is named',
  async () => {
    const listener = openOne('127.0.0.1:0')
    python(SHUT, [listener.fd])
    const taker =
      'import signal, socket, sys; s = socket.create_server(("127.0.0.1", int(sys.argv[1]))); print("up", flush=True); signal.pause()'
    const { pid } = await startPython(taker, [], [String(listener.port)])
    expect(tend(listener)).toBe('lost')
    const before = { ...listener }
    expect(refusal(() => rebind(listener)).message).toContain(`in use by python3 (pid ${pid})`)
    expect(listener).toEqual(before)
  },
)

needs('python3').test('a unix socket that was shut down is lost, and bound anew in place', async () => {
  const path = join(directory(), 'app.sock')
  const listener = openOne(`unix:${path}?mode=0600`)
  python(SHUT, [listener.fd])
  expect(await attempt(listener)).toBe('ECONNREFUSED')
  expect(tend(listener)).toBe('lost')
  const { inode } = listener
  rebind(listener)
  expect(listener.inode).not.toBe(inode)
  expect(listener.inode).toBe(inodeOf(listener.fd))
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(tend(listener)).toBe('fine')
  const client = await dial(listener)
  python(ANSWER, [listener.fd])
  expect(await heard(client)).toBe('hello')
})

needs('python3').test('a unix socket nobody asked for keeps the mode it had when it is bound anew', () => {
  const path = join(directory(), 'app.sock')
  const listener: Listener = Object.assign(openOne(`unix:${path}?mode=0640`), { spec: null })
  python(SHUT, [listener.fd])
  rebind(listener)
  expect(statSync(path).mode & 0o777).toBe(0o640)
})

test('a unix socket whose path a worker unlinked is lost, and bound anew', async () => {
  const path = join(directory(), 'app.sock')
  const listener = openOne(`unix:${path}`)
  unlinkSync(path)
  expect(tend(listener)).toBe('lost')
  rebind(listener)
  expect(existsSync(path)).toBe(true)
  expect(await attempt(listener)).toBe('connected')
})

test('clients that wait in a unix queue do not look like a shut socket', async () => {
  const listener = openOne(`unix:${join(directory(), 'app.sock')}`)
  const client = await dial(listener)
  client.end()
  expect(tend(listener)).toBe('fine')
})

test('a socket of another kind is left alone', () => {
  const fd = sockets.socket('tcp4', 'datagram')
  onEnd(() => descriptors.close(fd))
  descriptors.setNonBlocking(fd, false)
  const { spec, ...listener } = openOne('127.0.0.1:0')
  expect(tend({ ...listener, spec, family: 'other', fd })).toBe('fine')
  expect(descriptors.isNonBlocking(fd)).toBe(false)
})
