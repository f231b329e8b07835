import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { probeExec, probeHttp, probeTcp } from '../../src/system/probe.ts'
import { isAlive } from '../../src/system/procfs.ts'
import { onEnd } from '../support/on-end.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/until.ts'

/** A server that sends `chunks`, each in a turn of its own, when it has the whole request. */
async function server(chunks: string[], end = true): Promise<{ port: number; requests: string[]; errors: Error[] }> {
  const requests: string[] = []
  const errors: Error[] = []
  const listening = net.createServer((connection) => {
    connection.on('error', (error) => errors.push(error))
    let request = ''
    connection.on('data', async (data) => {
      request += data
      if (!request.endsWith('\r\n\r\n')) return
      requests.push(request)
      for (const chunk of chunks) {
        connection.write(chunk)
        await new Promise((resolve) => setImmediate(resolve))
      }
      if (end) connection.end()
    })
    onEnd(() => connection.destroy())
  })
  listening.listen(0, '127.0.0.1')
  onEnd(() => listening.close())
  await once(listening, 'listening')
  return { port: (listening.address() as net.AddressInfo).port, requests, errors }
}

test.each([
  ['200', ['HTTP/1.1 200 OK\r\n\r\nfine']],
  ['204 without a reason', ['HTTP/1.1 204\r\n\r\n']],
  ['302', ['HTTP/1.0 302 Found\r\nLocation: /\r\n\r\n']],
  ['200 in pieces', ['HT', 'TP/1.1 2', '00 OK', '\r\n', '\r\n']],
  ['103 and then 200', ['HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n', '\r\nHTTP/1.1 200 OK\r\n\r\n']],
])('takes %s for good', async (_, chunks) => {
  const { port, requests } = await server(chunks)
  expect(await probeHttp({ port }, '/health?full=1', 5_000)).toBeNull()
  expect(requests).toEqual([
    'GET /health?full=1 HTTP/1.1\r\nHost: localhost\r\nUser-Agent: autoup\r\nConnection: close\r\n\r\n',
  ])
})

test.each([
  ['a failing status', ['HTTP/1.1 503 Service Unavailable\r\n\r\n'], 'answered GET /up with 503'],
  ['another protocol', ['SSH-2.0-OpenSSH_9.2\r\n'], 'answered GET /up with something that is not HTTP'],
  ['no line end', ['x'], 'answered GET /up with something that is not HTTP'],
  ['no status', ['HTTP/1.1 OK\r\n'], 'answered GET /up with something that is not HTTP'],
  ['nothing', [], 'closed the connection without an answer to GET /up'],
  ['half a line', ['HTTP/1.1 2'], 'closed the connection without an answer to GET /up'],
])('tells of %s in words', async (_, chunks, reason) => {
  const { port } = await server(chunks)
  expect(await probeHttp({ port }, '/up', 5_000)).toBe(reason)
})

test('gives up a server that does not answer, and one that never ends its first line', async () => {
  const silent = await server([], false)
  expect(await probeHttp({ port: silent.port }, '/up', 50)).toBe('did not answer within 50 ms')
  const endless = await server([`HTTP/${'1'.repeat(20_000)}`], false)
  expect(await probeHttp({ port: endless.port }, '/up', 5_000)).toContain('not HTTP')
})

test('lets the server finish its answer, so that it sees no reset', async () => {
  const { port, errors } = await server([
    'HTTP/1.1 200 OK\r\n\r\n',
    ...Array.from({ length: 20 }, () => 'x'.repeat(10_000)),
  ])
  expect(await probeHttp({ port }, '/up', 5_000)).toBeNull()
  await expect(probeTcp({ port }, 5_000)).resolves.toBeNull()
  expect(errors).toEqual([])
})

test('says so when nobody listens', async () => {
  const port = await freePort()
  expect(await probeHttp({ port }, '/', 5_000)).toBe('refused the connection (ECONNREFUSED)')
  expect(await probeTcp({ port }, 5_000)).toBe('refused the connection (ECONNREFUSED)')
})

test('asks a unix socket too', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'probe-'))
  const listening = net
    .createServer((connection) => connection.end('HTTP/1.1 200 OK\r\n\r\n'))
    .listen(join(directory, 's'))
  onEnd(() => {
    listening.close()
    rmSync(directory, { recursive: true })
  })
  await once(listening, 'listening')
  expect(await probeHttp({ socketPath: join(directory, 's') }, '/', 5_000)).toBeNull()
  expect(await probeTcp({ socketPath: join(directory, 's') }, 5_000)).toBeNull()
})

test('never puts a line break of a path into a request', async () => {
  const { port, requests } = await server(['HTTP/1.1 200 OK\r\n\r\n'])
  expect(await probeHttp({ port }, '/a\r\nX: 1', 5_000)).toBe("'/a X: 1' is not a path that can be asked for")
  expect(requests).toEqual([])
})

const exec = (command: string, timeoutMs = 5_000) =>
  probeExec(command, { PATH: '/usr/bin:/bin', WORD: 'x' }, '/tmp', timeoutMs, null)

test('runs a command in its directory and environment', async () => {
  expect(await exec('test "$PWD" = /tmp && test $WORD = x')).toBeNull()
})

test('tells the status of a failing command and the last thing it said', async () => {
  expect(await exec('echo first >&2; printf "no \\033[1mdatabase\\n" >&2; exit 3')).toBe(
    `'echo first >&2; printf "no \\033[1mdatabase\\n" >&2; exit 3' ended with status 3: no  [1mdatabase`,
  )
  expect(await exec('kill -TERM $$')).toBe("'kill -TERM $$' ended with SIGTERM")
})

test.each(['kill -KILL $$', 'sh -c "kill -KILL \\$\\$"; exit $?'])(
  'takes it for no answer that somebody else kills the command: %s',
  async (command) => {
    await expect(exec(command)).rejects.toThrow(/was killed by SIGKILL, and not by autoup$/)
  },
)

test('ends a command that takes too long, with all that it started', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'probe-'))
  onEnd(() => rmSync(directory, { recursive: true }))
  const { readFileSync } = await import('node:fs')
  const command = `sleep 60 & echo $! > ${directory}/pid; wait`
  expect(await exec(command, 300)).toBe(`'${command}' did not end within 300 ms`)
  const pid = Number(readFileSync(join(directory, 'pid'), 'utf8'))
  await until('its child is dead', () => !isAlive(pid))
})

test('says so when the command cannot be run', async () => {
  expect(await probeExec('true', {}, '/nonexistent', 5_000, null)).toMatch(/^cannot run 'true': ENOENT/)
})
