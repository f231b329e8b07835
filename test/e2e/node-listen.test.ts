/** Where a Node app listens, in every way there is to say it, and what it is told when that is not declared. */

import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ask, askText } from '../support/ask.ts'
import { gate, PATIENT } from '../support/gate.ts'
import { type Master, temporaryDirectory } from '../support/master.ts'
import { PLAIN, startNode, swap } from '../support/node-apps.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/until.ts'

const LISTENS: Record<string, string> = {
  'a port': 'server.listen(port)',
  'a port in a string': 'server.listen(process.env.PORT)',
  'a port and a callback': 'server.listen(port, called)',
  'a port and a host': "server.listen(port, '127.0.0.1', called)",
  'a port, a host and a backlog': "server.listen(port, '127.0.0.1', 5, called)",
  'a port and a backlog': 'server.listen(port, 5, called)',
  'a host that is to be looked up': "server.listen(port, 'localhost', called)",
  'every address of IPv4': "server.listen(port, '0.0.0.0', called)",
  'every address of IPv6': "server.listen(port, '::', called)",
  options: "server.listen({ port, host: '127.0.0.1', backlog: 5, exclusive: true }, called)",
  'options with a signal': 'server.listen({ port, signal: new AbortController().signal }, called)',
  'the descriptor': 'server.listen({ fd: 3 }, called)',
}

describe('the inherited socket is taken by listen with', () => {
  test.each(Object.entries(LISTENS))('%s', async (_, listen) => {
    const app = `
      const port = Number(process.env.PORT)
      let calls = 0
      const called = () => { calls++ }
      const server = require('node:http').createServer((_, response) => {
        response.end(JSON.stringify({ version: '1', pid: process.pid, address: server.address(), listening: server.listening }))
      })
      server.on('listening', () => setImmediate(() => console.log('calls', calls)))
      ${listen}`
    const service = await startNode({ app })
    await service.master.next('worker-ready')
    const answer = await ask(service.port)
    expect(answer).toMatchObject({
      address: { address: '127.0.0.1', port: service.port, family: 'IPv4' },
      listening: true,
    })
    expect(service.master.output).toContain(`calls ${listen.includes('called') ? 1 : 0}`)
    expect(told(service.master)).toEqual([])
    await swap(service)
    expect((await ask(service.port)).pid).not.toBe(answer.pid)
  })
})

test('servers of net, http, https, http2 and tls each find their own', async () => {
  const ports = [await freePort(), await freePort(), await freePort(), await freePort(), await freePort()]
  const app = `
    const [net, http, https, http2, tls] = ['net', 'http', 'https', 'http2', 'tls'].map((name) => require('node:' + name))
    const ports = ${JSON.stringify(ports)}
    ;[net, http, https, http2, tls].forEach((module, index) => {
      const server = module.createServer()
      server.listen(ports[index], '127.0.0.1', () => console.log('listens', index, server.address().port))
    })`
  const { master } = await startNode({ app, listen: ports.map((port) => `127.0.0.1:${port}`) })
  expect((await master.next('worker-ready')).how).toMatch(/READY=1|waits on the socket/)
  for (const [index, port] of ports.entries()) expect(master.output).toContain(`listens ${index} ${port}`)
  expect(told(master)).toEqual([])
})

test('it is ready when the last declared socket is listened on, and not before', async () => {
  const late = await freePort()
  const app = `${PLAIN}
    setTimeout(() => { console.log('late'); require('node:http').createServer().listen(${late}) }, 600)`
  const port = await freePort()
  const { master } = await startNode({
    app,
    env: { PORT: String(port) },
    listen: [`127.0.0.1:${port}`, `127.0.0.1:${late}`],
  })
  await master.next('worker-ready')
  expect(master.output).toContain('late')
})

test('a declared listener that nobody takes is named at the ready timeout, with what is listened on instead', async () => {
  const unused = await freePort()
  const port = await freePort()
  const own = await freePort()
  const { master } = await startNode({
    app: `${PLAIN}; require('node:http').createServer().listen(${own}, '127.0.0.1')`,
    env: { PORT: String(port) },
    listen: [`127.0.0.1:${port}`, `127.0.0.1:${unused}`],
    args: ['--ready-timeout', '2s'],
  })
  const { reason } = await master.next('worker-failed')
  expect(reason).toMatch(`127.0.0.1:${unused} as well, which --listen declares, within 2.0 s`)
  expect(reason).toContain('descriptor 4')
  const cure = `let it listen on 127.0.0.1:${unused}, or declare where it does with --listen 127.0.0.1:${own}`
  expect(reason).toContain(cure)
})

test('an app that lets the kernel choose its port is told that this is not to be declared', async () => {
  const app = "require('node:http').createServer().listen(0, '127.0.0.1')"
  const { master, port } = await startNode({ app, args: ['--ready-timeout', '1s'] })
  const { reason } = await master.next('worker-failed')
  expect(reason).toMatch(/it listens on 127\.0\.0\.1:\d+ instead of the socket/)
  expect(reason).toMatch(
    new RegExp(
      `let it listen on 127.0.0.1:${port}, or declare .*, unless the kernel chose that port, as it does for 0`,
    ),
  )
})

test('what no --listen declares is bound by the app, which is told what to type', async () => {
  const own = await freePort()
  const path = join(temporaryDirectory(), 'own.sock')
  const app = `${PLAIN}
    require('node:http').createServer((_, response) => response.end('own')).listen(${own}, '127.0.0.1')
    require('node:http').createServer((_, response) => response.end('path')).listen(${JSON.stringify(path)})
    require('node:http').createServer().listen(0)`
  const { master, port } = await startNode({ app })
  await master.next('worker-ready')
  expect(await until('it listens', () => askText(own).catch(() => null))).toBe('own')
  expect(await askText(path)).toBe('path')
  const [first, second, ...others] = [...told(master)].sort()
  expect(first).toContain(
    `declare it with --listen 127.0.0.1:${own}, or let it listen on 127.0.0.1:${port}, which is declared`,
  )
  expect(second).toContain(`declare it with --listen unix:${path}, or`)
  expect(others).toEqual([])
})

test('a server in a worker thread, where the socket does not get to, is told where to listen', async () => {
  const app = `
    const { isMainThread, Worker } = require('node:worker_threads')
    if (isMainThread) new Worker(__filename)
    else { ${PLAIN} }
  `
  const { master, port } = await startNode({ app })
  await master.next('worker-failed')
  const told = new Set(master.output.filter((line) => line.startsWith('autoup: ')))
  expect([...told]).toEqual([
    expect.stringMatching(
      `the app listens on 127.0.0.1:${port} in a worker thread.*; let it listen in the main thread`,
    ),
  ])
})

test('an app that handles what goes wrong with a socket of no address goes on', async () => {
  const path = join(temporaryDirectory(), 'app.sock')
  // As Node says it of a handle or a descriptor.
  const app = `
    process.on('uncaughtException', (error) => console.log('handled', error.code))
    const trouble = { code: 'EADDRINUSE', syscall: 'listen', address: null, port: -1 }
    const server = require('node:http').createServer((_, response) => response.end('here'))
    server.listen('${path}', () => { throw Object.assign(new Error('listen EADDRINUSE'), trouble) })
  `
  const { master } = await startNode({ app, listen: [`unix:${path}`] })
  await master.next('worker-ready')
  await until('it is handled', () => master.output.includes('handled EADDRINUSE'))
  expect(await askText(path)).toBe('here')
})

test('two servers on one socket share it, and the second goes on when the first is closed', async () => {
  const app = `
    const http = require('node:http')
    const serverOf = (name) => http.createServer((request, response) => {
      response.end(JSON.stringify({ version: name, pid: process.pid }))
      if (request.url === '/close') servers[0].close()
    })
    const servers = [serverOf('first'), serverOf('second')]
    servers[0].listen(Number(process.env.PORT), '127.0.0.1')
    servers[1].listen(Number(process.env.PORT), '::1', () => console.log('second at', servers[1].address().port))`
  const service = await startNode({ app })
  const { master, port } = service
  await master.next('worker-ready')
  expect(await ask(port)).toMatchObject({ version: 'first' })
  await ask(port, '/close')
  expect(await ask(port)).toMatchObject({ version: 'second' })
  expect(master.output).toContain(`second at ${port}`)
  await swap(service)
  expect(await ask(port)).toMatchObject({ version: 'first' })
})

test('one server on every address takes all the sockets of its port', async () => {
  const port = await freePort()
  const app = `
    const server = require('node:http').createServer((request, response) => {
      response.end(JSON.stringify({ version: request.socket.localAddress, pid: process.pid }))
    })
    server.listen(${port})`
  const { master } = await startNode({ app, listen: [`one=127.0.0.1:${port}`, `two=127.0.0.2:${port}`] })
  await master.next('worker-ready')
  expect(await ask(`127.0.0.1:${port}`)).toMatchObject({ version: '127.0.0.1' })
  expect(await ask(`127.0.0.2:${port}`)).toMatchObject({ version: '127.0.0.2' })
})

/** As get-port, detect-port and portfinder do: `found` is called when a server has listened there and is closed. */
const FREE = `
  const [http, net] = ['http', 'net'].map((name) => require('node:' + name))
  const isFree = (port, host, found) => {
    const probe = net.createServer()
    probe.on('error', (error) => found(error.code))
    probe.listen({ port, host }, () => probe.close(() => found(null)))
  }`

test.each([['auto'], ['http:/']])(
  'an app that looks whether its port is free is ready when it serves, and not when it looks (%s)',
  async (ready) => {
    const warm = gate()
    const app = `${FREE}
    const port = Number(process.env.PORT)
    isFree(port, '127.0.0.1', (error) => isFree(port, '127.0.0.2', async () => {
      console.log('free', error)
      await ${warm.opened}
      const server = http.createServer((_, response) => response.end(JSON.stringify({ version: '1', pid: process.pid })))
      server.listen(port, '127.0.0.1', () => console.log('serves'))
    }))`
    const service = await startNode({ app, args: [...PATIENT, '--ready', ready] })
    const { master, port } = service
    await until('it has looked', () => master.output.includes('free null'))
    // Nobody takes it: the descriptor is open, and not waited on.
    const early = ask(port)
    expect((await master.status()).workers).toMatchObject([{ state: 'starting' }])
    warm.open()
    await master.next('worker-ready')
    expect(await early).toMatchObject({ version: '1' })
    expect(master.output).toContain('serves')
    expect(told(master)).toEqual([])
    await swap(service)
  },
)

test('a socket that the app has closed is to be had again, and a process without another server ends', async () => {
  const app = `
    const onUpgrade = () => undefined
    const server = require('node:http').createServer((request, response) => {
      response.setHeader('connection', 'close')
      response.end(JSON.stringify({ version: request.url, pid: process.pid, upgrades: server.listenerCount('upgrade') }))
      if (request.url === '/anew') {
        server.close(() => server.listen(Number(process.env.PORT), '127.0.0.1', () => {
          server.on('upgrade', onUpgrade)
          server.off('upgrade', onUpgrade)
        }))
      }
      if (request.url === '/end') server.close()
    })
    server.listen(Number(process.env.PORT), '127.0.0.1')`
  const { master, port } = await startNode({ app, args: ['--no-respawn'] })
  await master.next('worker-ready')
  const { pid } = await ask(port, '/anew')
  // With any listener left Node would answer no request that offers an upgrade.
  expect(await ask(port, '/again')).toEqual({ version: '/again', pid, upgrades: 0 })
  await ask(port, '/end')
  expect(await master.exited).toBe(0)
  expect(told(master)).toEqual([])
})

describe('a unix socket', () => {
  const app = (path: string) => `
    const fs = require('node:fs')
    const path = ${JSON.stringify(path)}
    try { fs.unlinkSync(path) } catch {}
    fs.rmSync(path, { force: true })
    fs.rm(path, { force: true }, (error) => console.log('rm', error))
    fs.promises.unlink(path).then(() => import('node:fs')).then(({ unlinkSync }) => unlinkSync(path))
    const server = require('node:http').createServer((_, response) => {
      response.end(JSON.stringify({ version: String(server.address()), pid: process.pid }))
    })
    server.listen({ path, readableAll: true, writableAll: true })
    process.on('exit', () => fs.unlinkSync(path))`

  test('is taken by its path, and stays where it is whatever the app removes', async () => {
    const path = join(temporaryDirectory(), 'app.sock')
    const service = await startNode({ app: app(path), listen: [`unix:${path}?mode=0640`] })
    await service.master.next('worker-ready')
    const before = await ask(path)
    expect(before).toMatchObject({ version: path })
    await swap(service)
    expect((await ask(path)).pid).not.toBe(before.pid)
    expect(service.master.output).toContain('rm null')
    expect(service.master.events.filter(({ type }) => type === 'warning')).toEqual([])
    expect(await service.master.stop()).toBe(0)
  })
})

/** What the preload has said. */
function told(master: Master): string[] {
  return master.output.filter((line) => line.startsWith('autoup: '))
}
