import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect, test, vi } from 'vitest'
import { createRuntimeDirectory, NotifyHub } from '../../src/system/notify.ts'
import { onEnd } from '../support/on-end.ts'
import { needs } from '../support/requirements.ts'
import { start } from './helper-process.ts'

const run = promisify(execFile)

/** Sends `count` datagrams `prefix<n>` to a path, one line on stdout when all are sent. */
const SEND = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(sys.argv[1])
for n in range(int(sys.argv[2])): s.send(b'STATUS=%d' % n)
print('sent', flush=True)
`

function hub(): NotifyHub {
  const opened = NotifyHub.open(createRuntimeDirectory)
  onEnd(() => opened.close())
  return opened
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length
}

/** What arrives, and the arrival of as many as are waited for. */
function inbox() {
  const messages: string[] = []
  let wake = () => {}
  return {
    messages,
    take: (text: string) => {
      messages.push(text)
      wake()
    },
    async reaches(count: number) {
      while (messages.length < count) await new Promise<void>((resolve) => (wake = resolve))
    },
  }
}

needs('python3').test('reads 8 000 datagrams of each of two senders, in order, without polling', async () => {
  const opened = hub()
  const boxes = [inbox(), inbox()]
  const addresses = boxes.map((box, index) => opened.add(`worker ${index}`, null, box.take))
  const senders = addresses.map(({ datagramPath }) => start(['python3', '-c', SEND, datagramPath, '8000']))
  await Promise.all(boxes.map((box) => box.reaches(8_000)))
  await Promise.all(senders.map((sender) => sender.line()))
  const expected = Array.from({ length: 8_000 }, (_, number) => `STATUS=${number}`)
  for (const box of boxes) expect(box.messages).toEqual(expected)
})

needs('python3').test('lets other things happen while a sender does not stop', async () => {
  const opened = hub()
  const box = inbox()
  const { datagramPath } = opened.add('flood', null, box.take)
  const flood = start(['python3', '-c', SEND.replace('range(int(sys.argv[2]))', 'iter(int, 1)'), datagramPath])
  await box.reaches(1_000)
  // A timer fires.
  await delay(1)
  await flood.kill()
})

needs('systemd-notify').test('understands systemd-notify, and answers its barrier by reading it', async () => {
  const opened = hub()
  const box = inbox()
  const { datagramPath } = opened.add('worker', null, box.take)
  const before = openDescriptors()
  // It waits five seconds for the barrier and fails without an answer.
  await run('systemd-notify', ['--ready', '--status=up and running'], {
    env: { ...process.env, NOTIFY_SOCKET: datagramPath },
  })
  expect(box.messages.join('\n').split('\n')).toEqual(
    expect.arrayContaining(['READY=1', 'STATUS=up and running', 'BARRIER=1']),
  )
  // That of the barrier is not kept.
  expect(openDescriptors()).toBeLessThanOrEqual(before)
})

needs('python3').test('loses no last message when it is closed before the signal has come', async () => {
  const opened = hub()
  const box = inbox()
  const address = opened.add('worker', null, box.take)
  // All in one turn of the loop, so that no handler has run yet.
  execFileSync('python3', ['-c', SEND, address.datagramPath, '5'])
  expect(box.messages).toHaveLength(0)
  address.close()
  expect(box.messages).toHaveLength(5)
  expect(existsSync(address.datagramPath)).toBe(false)
  address.close()
})

needs('python3').test('drops a message that is too long, and only that', async () => {
  const opened = hub()
  const box = inbox()
  const { datagramPath } = opened.add('worker', null, box.take)
  const code = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for text in (b'A' * 4096, b'B' * 4097, b'', b'READY=1'): s.sendto(text, sys.argv[1])`
  start(['python3', '-c', code, datagramPath])
  await box.reaches(3)
  expect(box.messages).toEqual(['A'.repeat(4096), '', 'READY=1'])
})

test('takes the same lines on a stream', async () => {
  const opened = hub()
  const box = inbox()
  const { streamPath } = opened.add('worker', null, box.take)
  const client = net.connect(streamPath)
  client.write('STATUS=a\nREA')
  await box.reaches(1)
  client.write('DY=1\nSTATUS=half')
  client.end()
  await box.reaches(3)
  expect(box.messages).toEqual(['STATUS=a', 'READY=1', 'STATUS=half'])
})

test('reads what a worker wrote on the stream just before it ended', async () => {
  const opened = hub()
  const box = inbox()
  const address = opened.add('worker', null, box.take)
  const client = net.connect(address.streamPath)
  client.write('STATUS=up\n')
  await box.reaches(1)
  client.end('STATUS=bad config\n')
  address.close()
  await box.reaches(2)
  expect(box.messages).toEqual(['STATUS=up', 'STATUS=bad config'])
})

test('ends a stream whose line has no end, and refuses the seventeenth connection', async () => {
  const opened = hub()
  const box = inbox()
  const { streamPath } = opened.add('worker', null, box.take)
  const talker = net.connect(streamPath)
  talker.on('error', () => undefined)
  talker.write('x'.repeat(5_000))
  await once(talker, 'close')
  expect(box.messages).toEqual([])
  const clients = Array.from({ length: 17 }, () => net.connect(streamPath))
  onEnd(() => {
    for (const client of clients) client.destroy()
  })
  const closed = await Promise.race(clients.map((client) => once(client, 'close').then(() => client)))
  expect(clients).toContain(closed)
})

needs('root').test('gives the sockets to their owner and to nobody else', async () => {
  const opened = hub()
  const box = inbox()
  const address = opened.add('worker', { uid: 65_534, gid: 65_534 }, box.take)
  for (const path of [address.datagramPath, address.streamPath]) {
    expect(statSync(path)).toMatchObject({ uid: 65_534, gid: 65_534 })
    expect(statSync(path).mode & 0o777).toBe(0o600)
  }
  const send =
    'use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0); print send(S, "READY=1", 0, sockaddr_un($ARGV[0])) ? 1 : $!'
  const as = (uid: number) => run('perl', ['-e', send, address.datagramPath], { uid, gid: uid })
  expect((await as(65_534)).stdout).toBe('1')
  expect((await as(65_533)).stdout).toBe('Permission denied')
  await box.reaches(1)
  expect(box.messages).toEqual(['READY=1'])
})

test('replaces the sockets of a key, and leaves nothing behind when it is closed', () => {
  const opened = hub()
  const before = openDescriptors()
  const first = opened.add('worker', null, () => undefined)
  const second = opened.add('worker', null, () => undefined)
  expect(existsSync(first.datagramPath)).toBe(false)
  expect(existsSync(second.datagramPath)).toBe(true)
  first.close()
  expect(existsSync(second.datagramPath)).toBe(true)
  opened.close()
  expect(existsSync(opened.directory)).toBe(false)
  expect(openDescriptors()).toBeLessThanOrEqual(before + 1)
})

test('leaves nothing behind when sockets cannot be made', () => {
  const directory = mkdtempSync(join(tmpdir(), `notify-${'x'.repeat(90)}`))
  const opened = NotifyHub.open(() => directory)
  onEnd(() => opened.close())
  const before = openDescriptors()
  expect(() => opened.add('worker', null, () => undefined)).toThrow(expect.objectContaining({ code: 'ENAMETOOLONG' }))
  expect(readdirSync(directory)).toEqual([])
  expect(openDescriptors()).toBe(before)
})

test('makes a directory that others can enter, not list', () => {
  const directory = createRuntimeDirectory()
  onEnd(() => rmSync(directory, { recursive: true }))
  expect(statSync(directory).mode & 0o777).toBe(0o711)
  if (process.getuid?.() === 0) expect(directory).toMatch(/^\/run\/autoup-\w{6}$/)
})

test('passes over parents that are too long or not there', () => {
  const long = join(tmpdir(), 'y'.repeat(80))
  mkdirSync(long)
  const geteuid = vi.spyOn(process, 'geteuid').mockReturnValue(1_000)
  vi.stubEnv('XDG_RUNTIME_DIR', '/nonexistent/run')
  vi.stubEnv('TMPDIR', long)
  onEnd(() => {
    geteuid.mockRestore()
    vi.unstubAllEnvs()
    rmSync(long, { recursive: true })
  })
  const directory = createRuntimeDirectory()
  onEnd(() => rmSync(directory, { recursive: true }))
  expect(directory).toMatch(/^\/tmp\/autoup-\w{6}$/)
})
