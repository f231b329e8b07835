import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { logOutput } from '../../src/cli/log-output.ts'
import { onEnd } from '../support/on-end.ts'
import { until } from '../support/until.ts'
import { temporaryDirectory } from './fake-master.ts'

const NONBLOCK = 0o4000

/** Both ends of a pipe; the writing one blocks, as an inherited one does. */
function pipe(): { reader: number; writer: number } {
  const path = join(temporaryDirectory(), 'pipe')
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path, constants.O_WRONLY)
  onEnd(() => closeSync(writer))
  return { reader, writer }
}

function flagsOf(fd: number): number {
  const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
  return Number.parseInt(/^flags:\s+(\d+)/m.exec(text)?.[1] ?? '', 8)
}

function drain(reader: number): string {
  const parts: Buffer[] = []
  const buffer = Buffer.alloc(65_536)
  for (;;) {
    try {
      const length = readSync(reader, buffer)
      if (length === 0) break
      parts.push(Buffer.from(buffer.subarray(0, length)))
    } catch {
      break
    }
  }
  return Buffer.concat(parts).toString()
}

test('what workers inherit stays as it is', () => {
  const { reader, writer } = pipe()
  onEnd(() => closeSync(reader))
  logOutput(writer).write('a line\n')
  expect(flagsOf(writer) & NONBLOCK).toBe(0)
  expect(drain(reader)).toBe('a line\n')
})

test('a reader that stalls holds nothing up, and gets every line when it goes on', async () => {
  const { reader, writer } = pipe()
  onEnd(() => closeSync(reader))
  const log = logOutput(writer)
  const lines = Array.from({ length: 5_000 }, (_, index) => `line ${index} ${'x'.repeat(100)}\n`)
  for (const line of lines) log.write(line)
  let text = ''
  await until('all is read', () => {
    text += drain(reader)
    return text.length >= lines.join('').length
  })
  expect(text).toBe(lines.join(''))
})

test('one that stalls for good costs a bounded memory and is told what it missed', async () => {
  const { reader, writer } = pipe()
  onEnd(() => closeSync(reader))
  const log = logOutput(writer)
  const line = `${'x'.repeat(999)}\n`
  for (let index = 0; index < 3_000; index++) log.write(line)
  let text = ''
  await until('the notice is there', () => {
    text += drain(reader)
    return text.includes('missing')
  })
  const [, missing] = /(\d+) lines are missing/.exec(text) ?? []
  expect(Number(missing) + text.split(line).length - 1).toBe(3_000)
  log.write('after\n')
  expect(drain(reader)).toBe('after\n')
})

test('without a reader nothing happens', async () => {
  const { reader, writer } = pipe()
  const log = logOutput(writer)
  closeSync(reader)
  log.write('into the void\n')
  await log.end()
})

test('at the end it waits for a slow reader, but not for ever', async () => {
  const { reader, writer } = pipe()
  onEnd(() => closeSync(reader))
  const log = logOutput(writer)
  for (let index = 0; index < 200; index++) log.write(`${'x'.repeat(999)}\n`)
  const ending = log.end()
  let text = ''
  await until('all is read', () => {
    text += drain(reader)
    return text.length === 200_000
  })
  await ending
})
