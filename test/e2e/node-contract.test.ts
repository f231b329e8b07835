/** What a Node worker finds, what its own children do not, and how it says that it serves. */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ask } from '../support/ask.ts'
import { type Master, temporaryDirectory } from '../support/master.ts'
import { PLAIN, startNode, swap } from '../support/node-apps.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/until.ts'

/** Prints what it finds in its environment, what a child and a thread find, and about its modules. */
const CURIOUS = `
  const names = (env) => Object.keys(env).filter((name) => /^(LISTEN_|NOTIFY_|WATCHDOG_|AUTOUP_|NODE_OPTIONS)/.test(name)).sort()
  const report = (who, value) => console.log('report', JSON.stringify({ who, value }))
  report('keys', names(process.env))
  report('copy', names({ ...process.env }))
  report('by name', [process.env.LISTEN_FDS, process.env.LISTEN_PID === String(process.pid), 'NOTIFY_SOCKET' in process.env, process.env.AUTOUP_PORT > 0])
  report('modules', [require.main === module, module.parent == null, process.argv[1] === __filename, process.argv.length, process.execArgv])
  const { execFileSync, spawnSync } = require('node:child_process')
  report('options', process.env.NODE_OPTIONS ?? null)
  report('child', names(Object.fromEntries(execFileSync('env').toString().split('\\n').map((line) => line.split('=')))))
  const { Worker } = require('node:worker_threads')
  const code = "const net = require('node:net'); require('node:worker_threads').parentPort.postMessage([Object.keys(process.env).filter((name) => /^(LISTEN_|NOTIFY_|WATCHDOG_|AUTOUP_PID)/.test(name)), net.Server.prototype._listen2.toString().includes('socket?.take'), process.emit === require('events').prototype.emit, Symbol.for('autoup.worker') in globalThis])"
  new Worker(code, { eval: true }).on('message', (value) => report('thread', value))
`

function reports(master: Master): Record<string, unknown> {
  const lines = master.output.filter((line) => line.startsWith('report ')).map((line) => JSON.parse(line.slice(7)))
  return Object.fromEntries(lines.map(({ who, value }) => [who, value]))
}

const INFORMATION = [
  'BUILD',
  'BUILD_DIR',
  'DATA_DIR',
  'GENERATION',
  'MASTER',
  'NAME',
  'STATE',
  'VERSION',
  'WORKER',
].map((name) => `AUTOUP_${name}`)

test('the protocol is readable by name, and gone from all that is inherited', async () => {
  const { master } = await startNode({ app: `${CURIOUS}${PLAIN}`, args: ['--watchdog', '10s', '--ready', 'http:/'] })
  await master.next('worker-ready')
  await until('its thread has reported', () => reports(master).thread)
  expect(reports(master)).toEqual({
    keys: INFORMATION,
    copy: INFORMATION,
    'by name': ['1', true, true, true],
    modules: [true, true, true, 2, []],
    options: null,
    child: INFORMATION,
    thread: [[], false, true, false],
  })
})

test('NODE_OPTIONS of the user come first and are given back, in a path with blanks and quotes', async () => {
  const stateDir = join(temporaryDirectory(), 'state "of" the\\art')
  mkdirSync(stateDir)
  const env = { NODE_OPTIONS: '--stack-trace-limit=7 --no-warnings' }
  const app = `console.log('limit', Error.stackTraceLimit); ${CURIOUS}${PLAIN}`
  const { master, port } = await startNode({ app, env, stateDir })
  await master.next('worker-ready')
  expect(await ask(port)).toMatchObject({ version: '1' })
  expect(master.output).toContain('limit 7')
  expect(reports(master)).toMatchObject({ options: env.NODE_OPTIONS })
})

describe('it is ready', () => {
  test('with --ready notify when the app says so in the words of PM2, and not when it listens', async () => {
    const app = `${PLAIN}
      server.on('listening', () => setTimeout(() => {
        console.log('warm', process.send('ready', () => console.log('called back')))
      }, 500))`
    const { master } = await startNode({ app, args: ['--ready', 'notify'] })
    const { how } = await master.next('worker-ready')
    expect(how).toBe('READY=1')
    expect(master.output).toContain('warm true')
  })

  test('never, with --ready notify, where the app says nothing; and what to say is told', async () => {
    const { master } = await startNode({ app: PLAIN, args: ['--ready', 'notify', '--ready-timeout', '1s'] })
    expect((await master.next('worker-failed')).reason).toContain("process.send('ready')")
  })

  const DOORS: Record<string, string> = {
    http: "require('node:http').createServer(answer)",
    https: "require('node:https').createServer({ ...CERTIFICATE }, answer)",
    'http2 with TLS': "require('node:http2').createSecureServer({ ...CERTIFICATE, allowHTTP1: true }, answer)",
  }

  test.each(Object.entries(DOORS))(
    'with --ready http: when its private door answers, on a server of %s',
    async (_, made) => {
      const app = `
      let isWarm = false
      setTimeout(() => { isWarm = true; console.log('warm') }, 300)
      const answer = (request, response) => { response.statusCode = isWarm ? 200 : 503; response.end() }
      const CERTIFICATE = {}
      const server = ${made}
      server.listen(Number(process.env.PORT))`
      const service = await startNode({ app, args: ['--ready', 'http:/up'] })
      const { how } = await service.master.next('worker-ready')
      expect(how).toMatch(/answers on \d+/)
      expect(service.master.output).toContain('warm')
      await swap(service)
    },
  )

  test('where nothing is declared, on the first server that the app has', async () => {
    const { master } = await startNode({ app: PLAIN, listen: [], args: ['--ready', 'http:/up'] })
    expect((await master.next('worker-ready')).how).toMatch(/answers on \d+/)
  })

  test('by a listener named probe, which the app need not know', async () => {
    const port = await freePort()
    const app = `${PLAIN}; server.on('request', (request) => console.log('asked', request.url))`
    const { master } = await startNode({
      app,
      env: { PORT: String(port) },
      listen: ['probe=127.0.0.1:0', `127.0.0.1:${port}`],
      args: ['--ready', 'http:/up'],
    })
    await master.next('worker-ready')
    await until('it is asked', () => master.output.includes('asked /up'))
    expect(await ask(port)).toMatchObject({ version: '1' })
  })

  test('where the app opens the door itself, by that', async () => {
    const app = `${PLAIN}
      require('node:http').createServer((_, response) => { console.log('own door'); response.end() })
        .listen(Number(process.env.AUTOUP_PORT), '127.0.0.1')`
    const { master } = await startNode({ app, args: ['--ready', 'http:/up'] })
    await master.next('worker-ready')
    expect(master.output).toContain('own door')
    expect(master.output.filter((line) => line.startsWith('autoup:'))).toEqual([])
  })
})

test('the watchdog hears of it from the event loop, and only from a loop that turns', async () => {
  const app = `${PLAIN}; server.on('request', (request) => { if (request.url === '/block') for (;;); })`
  const service = await startNode({ app, args: ['--watchdog', '600ms'] })
  const { master, port } = service
  await master.next('worker-ready')
  const { pid } = await ask(port, '/slow')
  expect((await ask(port, '/slow')).pid).toBe(pid)
  void ask(port, '/block').catch(() => null)
  expect((await master.next('worker-failed')).reason).toMatch(/missed its watchdog/)
})
