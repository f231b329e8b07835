import { join } from 'node:path'
import { expect } from 'vitest'
import * as descriptors from '../../src/system/libc/descriptors.ts'
import { closeListener, inodeOf } from '../../src/system/listeners.ts'
import { takeBack } from '../../src/system/take-back.ts'
import { onEnd } from '../support/on-end.ts'
import { needs } from '../support/requirements.ts'
import { ANSWER, end, python, SOCKET, startPython } from './python.ts'
import { attempt, dial, directory, heard, openAll, openOne } from './sockets.ts'

const { test } = needs('python3')

const HOLD = `${SOCKET}import signal; print("up", flush=True); signal.pause()`

test('listeners come back from a worker that outlived the master, with the clients in their queue', async () => {
  const listeners = openAll(['127.0.0.1:0', `unix:${join(directory(), 'app.sock')}`])
  const worker = await startPython(
    HOLD,
    listeners.map(({ fd }) => fd),
  )
  const early = await Promise.all(listeners.map((listener) => dial(listener)))
  const wanted = new Map(listeners.map(({ address, inode }) => [address, inode]))
  for (const listener of listeners) closeListener(listener, { unlink: false })

  const taken = takeBack([1, worker.pid], wanted)
  const adopted = openAll(['127.0.0.1:0', listeners[1]?.address ?? ''], [], taken)
  await end(worker.child)

  expect(adopted.map(({ how, inode, port }) => [how, inode, port])).toEqual(
    listeners.map(({ inode, port }) => ['taken-back', inode, port]),
  )
  for (const [index, listener] of adopted.entries()) {
    const late = await dial(listener)
    python(ANSWER, [listener.fd])
    expect(await heard(early[index] as NonNullable<(typeof early)[number]>)).toBe('hello')
    python(ANSWER, [listener.fd])
    expect(await heard(late)).toBe('hello')
  }
})

test('a taken-back descriptor closes on exec and is taken from the first worker that has it', async () => {
  const listener = openOne('127.0.0.1:0')
  const [one, two] = [await startPython(HOLD, [listener.fd]), await startPython(HOLD, [listener.fd])]
  const taken = takeBack([one.pid, two.pid], new Map([['a', listener.inode]]))
  expect([...taken.keys()]).toEqual(['a'])
  const fd = taken.get('a') as number
  onEnd(() => descriptors.close(fd))
  expect(descriptors.isCloseOnExec(fd)).toBe(true)
  expect(inodeOf(fd)).toBe(listener.inode)
})

test('without a holder the port is free and nothing comes back', async () => {
  const listener = openOne('127.0.0.1:0')
  const worker = await startPython(HOLD, [listener.fd])
  const wanted = new Map([['a', listener.inode]])
  closeListener(listener, { unlink: false })
  await end(worker.child)
  expect(takeBack([worker.pid], wanted)).toEqual(new Map())
  expect(await attempt(listener)).toBe('ECONNREFUSED')
})

test('other sockets and those that do not listen any more stay where they are', async () => {
  const listener = openOne('127.0.0.1:0')
  const worker = await startPython(HOLD, [listener.fd])
  expect(takeBack([worker.pid], new Map([['a', listener.inode + 1]]))).toEqual(new Map())
  python(`${SOCKET}s.shutdown(socket.SHUT_RDWR)`, [listener.fd])
  expect(takeBack([worker.pid], new Map([['a', listener.inode]]))).toEqual(new Map())
})
