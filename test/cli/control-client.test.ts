import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { call, findMaster, follow, runningUnder, statusOf } from '../../src/cli/control-client.ts'
import { AutoupError } from '../../src/core/errors.ts'
import { acquireLock } from '../../src/system/lock.ts'
import { onEnd } from '../support/on-end.ts'
import { fakeMaster, STATUS, temporaryDirectory } from './fake-master.ts'

/** Answers every connection with these bytes and ends it, or with null never. */
async function answering(bytes: string | null): Promise<{ name: string; directory: string }> {
  const directory = join(temporaryDirectory(), 'app')
  mkdirSync(directory)
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    if (bytes !== null) socket.end(bytes)
  }).listen(join(directory, 'control.sock'))
  onEnd(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  await once(server, 'listening')
  return { name: 'app', directory }
}

function code(expected: string): unknown {
  return expect.objectContaining({ code: expected })
}

describe('finding the master', () => {
  test('by name, without asking whether it runs', async () => {
    expect(await findMaster('/s', 'app')).toEqual({ name: 'app', directory: '/s/app' })
  })

  test('without a name it is the only one that runs', async () => {
    const master = await fakeMaster({ name: 'only' })
    mkdirSync(join(master.stateDir, 'stopped'))
    const dead = await fakeMaster({ name: 'dead', stateDir: master.stateDir })
    const corpse = createServer().listen(join(master.stateDir, 'stopped', 'control.sock'))
    await once(corpse, 'listening')
    await dead.server.close()
    await new Promise((resolve) => corpse.close(resolve))
    expect(await findMaster(master.stateDir, undefined)).toMatchObject({ name: 'only' })
  })

  test('of several it lists all', async () => {
    const { stateDir } = await fakeMaster({ name: 'one' })
    await fakeMaster({ name: 'two', stateDir })
    await expect(findMaster(stateDir, undefined)).rejects.toThrow(/name one of one, two/)
  })

  test('a folder whose name could not be one of a service is none: shells and terminals are given these names', async () => {
    const { stateDir } = await fakeMaster({ name: 'only' })
    for (const name of ['$(id)', '\u001b[2J', '.hidden']) await fakeMaster({ name, stateDir })
    expect(await runningUnder(stateDir)).toMatchObject([{ name: 'only' }])
  })

  test.each(['/nonexistent', '/etc/passwd'])('where none can be (%s) says what to type', async (stateDir) => {
    const error = await findMaster(stateDir, undefined).catch((thrown: unknown) => thrown)
    expect(error).toEqual(code('not-running'))
    expect((error as Error).message).toContain('autoup run')
  })
})

describe('asking', () => {
  test('gets the answer, however long', async () => {
    const source = `github:org/${'ü'.repeat(300_000)}`
    const { directory } = await fakeMaster({ status: () => ({ ...STATUS, source }) })
    const status = await call<typeof STATUS>({ name: 'app', directory }, 'GET', '/status')
    expect(status.source).toBe(source)
  })

  test('nobody there is not running', async () => {
    const nowhere = { name: 'app', directory: '/nonexistent/app' }
    await expect(call(nowhere, 'GET', '/status')).rejects.toEqual(code('not-running'))
    await expect(call(nowhere, 'GET', '/status')).rejects.toThrow(/'app' is not running.*\/nonexistent\/app/)
  })

  test('what a dead master left behind is not running', async () => {
    const directory = join(temporaryDirectory(), 'app')
    mkdirSync(directory)
    const { spawnSync } = await import('node:child_process')
    const script = `require('net').createServer().listen(${JSON.stringify(join(directory, 'control.sock'))}, () => process.kill(process.pid, 9))`
    spawnSync(process.execPath, ['-e', script])
    await expect(call({ name: 'app', directory }, 'GET', '/status')).rejects.toEqual(code('not-running'))
  })

  test('a refusal keeps its code and its sentence', async () => {
    const { directory } = await fakeMaster({
      request: async () => {
        throw new AutoupError('refused', 'no such digest')
      },
    })
    const asking = call({ name: 'app', directory }, 'POST', '/upgrade')
    await expect(asking).rejects.toEqual(expect.objectContaining({ code: 'refused', message: 'no such digest' }))
  })

  test('a master that does not answer in time is timed out', async () => {
    const asking = call(await answering(null), 'POST', '/upgrade', { timeoutMs: 30, onTimeout: 'no verdict' })
    await expect(asking).rejects.toEqual(expect.objectContaining({ code: 'timed-out', message: 'no verdict' }))
  })

  test('whether one that does not answer serves is unknown', async () => {
    const asking = call(await answering(null), 'GET', '/status', { timeoutMs: 30 })
    await expect(asking).rejects.toEqual(code('unknown'))
    await expect(asking).rejects.toThrow(/'app' has not answered in 30 ms/)
  })

  test('whether one serves that holds the lock, and is not there to ask, is unknown', async () => {
    const directory = join(temporaryDirectory(), 'app')
    mkdirSync(directory)
    const place = { name: 'app', directory }
    const lock = acquireLock(join(directory, 'lock'))
    onEnd(() => lock.release())
    await expect(call(place, 'GET', '/status')).rejects.toEqual(code('unknown'))
    await expect(call(place, 'GET', '/status')).rejects.toThrow(`process ${process.pid} holds its lock`)
    expect(await statusOf(place)).toBe(null)
    expect(await findMaster(dirname(directory), undefined)).toEqual(place)
    lock.release()
    await expect(call(place, 'GET', '/status')).rejects.toEqual(code('not-running'))
    await expect(findMaster(dirname(directory), undefined)).rejects.toEqual(code('not-running'))
  })

  test.each([
    ['nothing', ''],
    ['half a head', 'HTTP/1.1 200 OK\r\nContent-'],
    ['half a body', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"name":'],
  ])('a master that ends after %s has not answered', async (_what, bytes) => {
    const asking = call(await answering(bytes), 'GET', '/status')
    await expect(asking).rejects.toThrow(/ended before it had answered/)
  })
})

describe('following', () => {
  test('ends without an error when the master ends', async () => {
    const master = await fakeMaster()
    const reading = (async () => {
      for await (const _ of follow({ name: 'app', directory: master.directory }, { since: 0, follow: true }));
      return 'ended'
    })()
    await fakeMaster({ name: 'other' })
    await expect.poll(() => master.readers.size).toBe(1)
    await master.server.close()
    expect(await reading).toBe('ended')
  })

  test('ends where it was called off before it began', async () => {
    const master = await fakeMaster()
    const signal = AbortSignal.abort()
    for await (const _ of follow({ name: 'app', directory: master.directory }, { since: 0, follow: true, signal }))
      expect.unreachable()
  })

  test('a refusal is an error', async () => {
    const body = '{"error":"no events here"}'
    const place = await answering(`HTTP/1.1 400 Bad Request\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    const reading = follow(place, { since: 0, follow: false }).next()
    await expect(reading).rejects.toThrow('no events here')
  })
})
