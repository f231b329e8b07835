/** `run` of a script: each row of the table in docs/embedding.md that needs no release source. */

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { askText } from '../support/ask.ts'
import { embeddedScript, type Program, startEmbedded } from '../support/embedded.ts'
import { hold } from '../support/held.ts'
import { startLoad, summary } from '../support/load.ts'
import { said, startMaster, temporaryDirectory } from '../support/master.ts'
import { onEnd } from '../support/on-end.ts'
import { freePort } from '../support/ports.ts'
import { isAlive } from '../support/processes.ts'
import { until } from '../support/until.ts'

const NODE = process.execPath

/** Tells all it is told as JSON. */
const TELLS_STATE = `program(state) {
  const { enabled, id, startedAt, listeners, addresses, binPath } = state
  const listener = listeners.length > 0 ? state.listener.name : null
  const address = listeners.length > 0 ? state.address : null
  const text = JSON.stringify({ enabled, id, startedAt, listener, address, addresses, binPath, names: listeners.map(({ name }) => name),
    argv: process.argv.slice(1), execArgv: process.execArgv, left: Object.keys(process.env).filter((name) => /^LISTEN_|^AUTOUP_(?:PID|ROLE)$/.test(name)) })
  const servers = listeners.map((each) => createServer((request, response) => {
    if (request.url === '/restart') response.end(JSON.stringify(state.restart()))
    else response.end(text)
  }).listen(each))
  state.gracefulShutdown.addEventListener('abort', () => { for (const server of servers) server.close() })
},`

async function serving(program: Program = {}, options: Parameters<typeof startEmbedded>[1] & { args?: string[] } = {}) {
  const { args = [], ...rest } = options
  const script = embeddedScript(program)
  const embedded = await startEmbedded([NODE, ...args, script], rest)
  await embedded.master.next('worker-ready')
  return { ...embedded, script }
}

describe('a program that is its own master', () => {
  test('is restarted gracefully on SIGUSR2: no request fails, and the pid of the master stays', async () => {
    const { master, port, ask } = await serving()
    const first = await ask()
    const load = await startLoad({ target: port, rate: 200 })
    for (const generation of [2, 3, 4]) {
      const since = master.mark()
      master.signal('SIGUSR2')
      await master.waitFor((event) => event.type === 'settled' && event.outcome === 'restarted', 'restart', { since })
      await until('the new worker answers', async () => (await ask()).generation === generation)
    }
    const report = await load.stop()
    expect(report.failed, summary(report)).toBe(0)
    await until('the first worker is gone', () => !isAlive(first.pid))
    expect((await master.status()).pid).toBe(master.pid)
    expect(await master.stop()).toBe(0)
  })

  test('finishes in the old worker what is in flight', async () => {
    const { master, ask } = await serving()
    const before = await ask()
    const slow = ask('/slow?ms=3000')
    master.signal('SIGUSR2')
    await master.waitFor((event) => event.type === 'settled' && event.outcome === 'restarted', 'restart')
    await until('the new worker answers', async () => (await ask()).generation === 2)
    expect(await slow).toEqual(before)
  })

  test('Program: its worker is started with the same options of Node and the same arguments', async () => {
    const program = embeddedScript({ config: TELLS_STATE })
    const { master, port } = await startEmbedded([NODE, '--no-warnings', program, 'serve', '--fast'])
    await master.next('worker-ready')
    const { argv, execArgv, left } = JSON.parse(await askText(port))
    expect(argv).toEqual([program, 'serve', '--fast'])
    expect(execArgv).toEqual(['--no-warnings'])
    expect(left, 'nothing is left for what the program starts itself').toEqual([])
  })

  test('is as kind to clients as every Node app: an idle connection gets its next answer, and then ends', async () => {
    // http.Server#close would cut it.
    const { master, port } = await serving({ config: TELLS_STATE })
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    onEnd(() => agent.destroy())
    const first = await askOn(agent, port)
    expect(first.connection).toBe('keep-alive')
    const since = master.mark()
    master.signal('SIGUSR2')
    await master.next('worker-draining', { since })
    // The signal takes a moment.
    for (let last = first; last.connection !== 'close'; ) {
      last = await askOn(agent, port)
      expect(last.localPort).toBe(first.localPort)
    }
    expect(await master.next('worker-exited')).toMatchObject({ how: 'exited with 0', expected: true })
  })

  test('takes its sockets by their ports as well, says that it serves, and beats', async () => {
    const config = `watchdog: '300ms', program() {
      createServer((_, response) => response.end(String(process.uptime()))).listen(process.env.PORT.split(':')[1])
    },`
    const { master, port } = await serving({ config })
    expect((await master.next('worker-ready')).how).toMatch(/READY=1|waits on the socket/)
    await until('it has outlived several beats', async () => Number(await askText(port)) > 1.5)
    expect(master.events.filter(({ type }) => type === 'worker-exited')).toEqual([])
  })

  test('has autoup/worker as well', async () => {
    const config = `async program(state) {
      const { isManaged, listener, onDrain, serve, status } = await import('autoup/worker')
      onDrain(() => console.log('drains'))
      status('by the library')
      await serve((_, response) => response.end(JSON.stringify([isManaged, listener().fd === state.listener.fd])))
    },`
    const { master, port } = await serving({ config, first: "await import('autoup/worker')" })
    expect(JSON.parse(await askText(port))).toEqual([true, true])
    expect((await master.cli('status', '--json')).stdout).toContain('by the library')
    expect(await master.stop()).toBe(0)
    expect(master.output).toContain('drains')
  })

  test('is a worker like any other where another master runs it', async () => {
    const port = await freePort()
    const script = embeddedScript({ config: TELLS_STATE })
    const master = await startMaster({ args: ['--listen', `127.0.0.1:${port}`], command: [NODE, script] })
    await master.next('worker-ready')
    expect(JSON.parse(await askText(port))).toMatchObject({ enabled: true, address: `127.0.0.1:${port}` })
    expect(master.events.filter(({ type }) => type === 'master-started')).toHaveLength(1)
  })

  test('without a listener it is ready when the program has come back', async () => {
    const config = "listen: [], program: (state) => { setInterval(() => {}, 1000); process.stdout.write('going\\n') },"
    const { master } = await serving({ config })
    expect(master.events.find(({ type }) => type === 'worker-ready')).toMatchObject({
      how: expect.stringMatching(/said|READY/),
    })
  })
})

describe('Config', () => {
  test('Address, Addresses, Listener, Listeners: listen takes one or several, and the program finds them in order', async () => {
    const [one, two] = [await freePort(), await freePort()]
    const path = join(temporaryDirectory(), 's')
    const listen = `listen: ['a=127.0.0.1:${one}', '127.0.0.1:${two}', 'unix:${path}'],`
    const { master } = await serving({ config: `${TELLS_STATE}${listen}` })
    for (const target of [one, two, path]) {
      expect(JSON.parse(await askText(target))).toMatchObject({
        names: ['a', `port-${two}`, 's'],
        listener: 'a',
        address: `127.0.0.1:${one}`,
        addresses: [`127.0.0.1:${one}`, `127.0.0.1:${two}`, `unix:${path}`],
      })
    }
    await master.stop()
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined()
  })

  test('RestartSignal: another signal restarts it, and SIGUSR2 does nothing then', async () => {
    const { master, ask } = await serving({ config: "restartSignal: 'HUP'," })
    master.signal('SIGUSR2')
    master.signal('SIGHUP')
    await master.waitFor((event) => event.type === 'settled' && event.outcome === 'restarted', 'restart')
    await until('the new worker answers', async () => (await ask()).generation === 2)
    expect(await master.stop()).toBe(0)
    expect(master.events.filter(({ type }) => type === 'promotion-started')).toHaveLength(1)
  })

  test('TerminateTimeout: a worker that does not finish is killed after drainTimeout', async () => {
    const config = `drainTimeout: 300, program(state) {
      createServer((_, response) => response.write('begun')).listen(state.listener)
      state.gracefulShutdown.addEventListener('abort', () => process.stdout.write('asked to finish\\n'))
    },`
    const { master, port } = await serving({ config }, { env: { AUTOUP_DRAIN_TIMEOUT: '' } })
    const request = http.get({ port, host: '127.0.0.1', agent: false }).on('error', () => {})
    onEnd(() => request.destroy())
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    const cut = once(response.resume(), 'error')
    master.signal('SIGUSR2')
    expect(await master.next('worker-killed')).toMatchObject({ generation: 1 })
    expect(master.output).toContain('asked to finish')
    await cut
  })

  test('NoRestart: the signal drains and stops it', async () => {
    const { master, ask } = await serving({ config: 'noRestart: true,' })
    const slow = ask('/slow?ms=1000')
    // In flight once another request, sent later, is answered.
    await ask()
    master.signal('SIGUSR2')
    expect(await slow).toMatchObject({ generation: 1 })
    expect(await master.exited).toBe(0)
  })

  test('Required: where there can be no master, it fails, or runs the program without one', async () => {
    const on = ['--require', elsewhere()]
    const strict = await startEmbedded([NODE, ...on, embeddedScript({ config: 'required: true,' })])
    expect(await strict.master.exited).toBe(1)
    expect(said(strict.master)).toMatch(/on Linux only, this is darwin/)

    const { master, port } = await startEmbedded([NODE, ...on, embeddedScript({ config: TELLS_STATE })])
    const state = await until('it serves', () => askText(port).catch(() => null))
    expect(JSON.parse(state)).toMatchObject({ enabled: false, address: `127.0.0.1:${port}` })
    expect(said(master)).toMatch(/runs without a master/)
    expect(await master.stop()).toBe(0)
  })

  test('IsSupported: the program can ask whether there can be a master', async () => {
    const asks = "console.log('supported', await (await import('autoup')).isSupported())"
    const here = await serving({ first: asks })
    expect(here.master.output).toContain('supported true')
    const there = await startEmbedded([NODE, '--require', elsewhere(), embeddedScript({ first: asks })])
    await until('it is said', () => there.master.output.includes('supported false'))
  })

  test('Debug, NoWarn: logFormat says how it talks, and autoup events what has happened', async () => {
    const { master } = await startEmbedded([NODE, embeddedScript({ config: "logFormat: 'journal'," })])
    await until('it is told', () => master.output.find((line) => /^<\d>.*ready/.test(line)))
    const { stdout } = await master.cli('events', '--json')
    expect(stdout.split('\n').map((line) => (line ? JSON.parse(line).type : ''))).toContain('worker-ready')
  })

  test('a mistake is told in the words of the program, before anything runs', async () => {
    for (const [config, sentence] of [
      ["drainTimeout: 'soon',", /drainTimeout: .*'soon'/],
      ['fecth: 1,', /run\(\) knows no option 'fecth'/],
      ["restartSignal: 'TERM',", /restartSignal: SIGTERM has a meaning of its own/],
      ['keep: 2,', /keep is about a release source: give one with fetch/],
    ] as const) {
      const { master } = await startEmbedded([NODE, embeddedScript({ config })])
      expect(await master.exited).toBe(2)
      expect(master.output).toEqual([expect.stringMatching(sentence)])
      expect(master.events).toEqual([])
    }
  })

  test('a port that somebody else has is told in one sentence, and not as a fault of the program', async () => {
    const { port } = await serving()
    const second = await startEmbedded([NODE, embeddedScript({ config: `listen: '127.0.0.1:${port}',` })])
    expect(await second.master.exited).toBe(1)
    expect(second.master.output).toEqual([expect.stringMatching(/^autoup: cannot listen on .*the port is in use by/)])
  })
})

describe('State', () => {
  test('Enabled, ID, BinPath, StartedAt: whether there is a master, which build this is, where it lies, since when it runs', async () => {
    const { master, port, script } = await serving({ config: TELLS_STATE })
    const state = JSON.parse(await askText(port))
    const digest = createHash('sha256').update(readFileSync(script)).digest('hex')
    expect(state).toMatchObject({ enabled: true, id: `sha256-${digest}`, binPath: script })
    const at = (type: string) => Date.parse(master.events.find((event) => event.type === type)?.at ?? '')
    expect(Date.parse(state.startedAt)).toBeGreaterThanOrEqual(at('listening'))
    expect(Date.parse(state.startedAt)).toBeLessThanOrEqual(at('worker-ready'))
  })

  test('Restart(): restart() asks the master for new workers', async () => {
    const { master, port } = await serving({ config: TELLS_STATE })
    expect(await askText(port, '/restart')).toBe('true')
    await master.waitFor((event) => event.type === 'settled' && event.outcome === 'restarted', 'restart')
  })

  test('GracefulShutdown: a program that takes no notice of it ends when all is answered', async () => {
    const config = `program(state) {
      const answer = (response) => response.end(JSON.stringify({ version: state.address }))
      createServer((request, response) => request.resume().on('end', () => answer(response)) && response.write(' ')).listen(state.listener)
    },`
    const { master, port } = await serving({ config })
    const held = await hold(port)
    const since = master.mark()
    master.signal('SIGUSR2')
    await master.next('worker-draining', { since })
    expect(await held.finish()).toEqual({ version: `127.0.0.1:${port}` })
    expect(await master.next('worker-exited')).toMatchObject({ how: 'was killed by SIGTERM', expected: true })
  })
})

test("with noRespawn the status of a worker that ends is the master's", async () => {
  const config = 'noRespawn: true, program(state) { createServer(() => process.exit(7)).listen(state.listener) },'
  const { master, port } = await serving({ config })
  await expect(askText(port)).rejects.toThrow()
  expect(await master.exited).toBe(7)
})

/** What an answer says of its connection. */
async function askOn(
  agent: http.Agent,
  port: number,
): Promise<{ connection: string | undefined; localPort: number | undefined }> {
  const request = http.get({ port, host: '127.0.0.1', agent })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const { localPort } = response.socket
  await once(response.resume(), 'end')
  return { connection: response.headers.connection, localPort }
}

/** To be loaded first: there can be no master here. */
function elsewhere(): string {
  const path = join(temporaryDirectory(), 'elsewhere.cjs')
  writeFileSync(path, "Object.defineProperty(process, 'platform', { value: 'darwin' })")
  return path
}
