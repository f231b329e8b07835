import { beforeEach, expect, test, vi } from 'vitest'
import type { State } from '../../src/core/state.ts'
import { newState } from '../../src/core/supervisor.ts'
import { openVoice, type Voice, type VoiceContext } from '../../src/runtime/systemd-voice.ts'
import { close } from '../../src/system/libc/descriptors.ts'
import { bind, recv, socket } from '../../src/system/libc/sockets.ts'
import { build, POLICY, World } from '../core/world.ts'
import { temporaryDirectory } from '../support/master.ts'
import { onEnd } from '../support/on-end.ts'

const MINUTE_MS = 60_000

const idle: State = newState(POLICY)
const serving: State = {
  ...idle,
  serving: { generation: 1, build: build('1'), isEstablished: true, isTroubled: false },
}
const stopping: State = { ...serving, stop: { status: 0, isOver: false } }

beforeEach(() => {
  vi.useFakeTimers()
  onEnd(() => vi.useRealTimers())
})

/** A socket of which the test decides when it is read: what comes meanwhile waits in the kernel, as far as there is room. */
function listen(): { address: string; read(): string[] } {
  const address = `${temporaryDirectory()}/notify`
  const fd = socket('unix', 'datagram')
  onEnd(() => close(fd))
  bind(fd, { family: 'unix', path: address })
  const buffer = Buffer.alloc(4_096)
  return {
    address,
    read() {
      const messages: string[] = []
      for (let length = recv(fd, buffer); length !== null; length = recv(fd, buffer)) {
        messages.push(buffer.toString('utf8', 0, length))
      }
      return messages
    },
  }
}

function open(address: string, more: Partial<VoiceContext> = {}): Voice {
  const voice = openVoice({ env: { NOTIFY_SOCKET: address }, line: () => 'line', warn: () => undefined, ...more })
  onEnd(() => voice.close())
  return voice
}

function extensions(messages: readonly string[]): number {
  return messages.filter((message) => message.startsWith('EXTEND_TIMEOUT_USEC=')).length
}

test('asks for time while it boots, and while the first release is fetched', () => {
  const { address, read } = listen()
  const voice = open(address)
  vi.advanceTimersByTime(MINUTE_MS)
  expect(extensions(read())).toBe(5)
  const world = new World()
  world.boot()
  world.send({ type: 'tick' })
  expect(world.state.pipeline?.state).toBe('checking')
  voice.follow(world.state)
  vi.advanceTimersByTime(MINUTE_MS)
  expect(extensions(read())).toBe(0)
  world.send({ type: 'stager', report: { type: 'found', version: '1', name: 'app' } })
  expect(world.state.pipeline?.state).toBe('fetching')
  voice.follow(world.state)
  read()
  vi.advanceTimersByTime(MINUTE_MS)
  expect(extensions(read())).toBe(4)
})

test('asks for none when it has nothing to serve and does nothing about it, so that its start can fail', () => {
  const { address, read } = listen()
  open(address).follow(idle)
  read()
  vi.advanceTimersByTime(MINUTE_MS)
  expect(read()).toEqual([])
})

test('asks for none in service, and again for as long as it stops', () => {
  const { address, read } = listen()
  const voice = open(address)
  voice.follow(serving)
  expect(read().slice(1)).toEqual([`READY=1\nMAINPID=${process.pid}`, 'STATUS=line'])
  vi.advanceTimersByTime(MINUTE_MS)
  expect(read()).toEqual([])
  voice.follow(stopping)
  vi.advanceTimersByTime(MINUTE_MS)
  const messages = read()
  expect(messages[0]).toBe('STOPPING=1')
  expect(extensions(messages)).toBe(5)
})

test('what finds no room arrives later, in order; of STATUS only the last one', () => {
  const { address, read } = listen()
  const lines = Array.from({ length: 1_000 }, (_, number) => String(number))
  const voice = open(address, { line: () => lines.shift() ?? 'end' })
  while (lines.length > 0) voice.follow(idle)
  voice.follow(serving)
  const heard = read()
  expect(heard.length).toBeLessThan(1_000)
  expect(heard).not.toContainEqual(expect.stringContaining('READY=1'))
  vi.advanceTimersByTime(1_000)
  expect(read()).toEqual([`READY=1\nMAINPID=${process.pid}`, 'STATUS=end'])
})

test('speaks to an abstract address', () => {
  const name = `@autoup-voice-${process.pid}`
  const fd = socket('unix', 'datagram')
  onEnd(() => close(fd))
  bind(fd, { family: 'unix', path: name })
  open(name)
  expect(recv(fd, Buffer.alloc(100))).toBeGreaterThan(0)
})

test('an address of another kind is one warning', () => {
  const warnings: string[] = []
  open('vsock:2:1234', { warn: (message) => warnings.push(message) }).follow(serving)
  expect(warnings).toEqual([expect.stringMatching(/vsock:2:1234.*no unix socket/)])
})

test('a reload is told from its start to its end', () => {
  const { address, read } = listen()
  const voice = open(address)
  voice.follow(serving)
  read()
  voice.note({ type: 'reload-started' })
  expect(read()).toEqual([expect.stringMatching(/^RELOADING=1\nMONOTONIC_USEC=\d+$/)])
  voice.note({ type: 'reload-finished', outcome: 'refused', message: 'no' })
  expect(read()).toEqual(['READY=1'])
})

test('before it is ready a reload does not say that it is', () => {
  const { address, read } = listen()
  const voice = open(address)
  voice.follow(idle)
  read()
  voice.note({ type: 'reload-started' })
  voice.note({ type: 'reload-finished', outcome: 'unchanged', message: 'nothing has changed' })
  expect(read()).toEqual([])
})
