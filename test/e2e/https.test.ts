import { createHash } from 'node:crypto'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Stamped } from '../../src/core/events.ts'
import { ask } from '../support/ask.ts'
import { archive, nodeServer, publish } from '../support/builds.ts'
import { type Master, startMaster, temporaryDirectory } from '../support/master.ts'
import { freePort } from '../support/ports.ts'
import { needs } from '../support/requirements.ts'
import { serveSite } from '../support/site.ts'
import { STATIC_SERVERS, type StaticServer, serveFolder } from '../support/static-servers.ts'
import { until } from '../support/until.ts'
import { authority, serveProxy, serveTls } from '../support/web.ts'

const QUICK = ['--interval', '200ms', '--probation', '300ms', '--ready-timeout', '5s', '--drain-timeout', '10s']

interface Running {
  readonly master: Master
  readonly port: number
}

async function follow(url: string, more: string[] = []): Promise<Running> {
  const port = await freePort()
  const master = await startMaster({ args: [...QUICK, '--fetch', url, '--listen', `127.0.0.1:${port}`, ...more] })
  return { master, port }
}

const committed = (event: Stamped) => event.type === 'build-committed'

function build(version: string): Buffer {
  const path = join(temporaryDirectory(), 'app')
  publish(path, nodeServer({ version }))
  return readFileSync(path)
}

function sumOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** In place, as a copy over the network does. */
function put(server: StaticServer, name: string, bytes: Buffer | string): void {
  writeFileSync(join(server.root, name), bytes)
}

/** From now on it is asked so often. */
async function idleChecks(server: StaticServer, line: string, count: number): Promise<void> {
  const before = server.log().length
  const asked = () =>
    server
      .log()
      .slice(before)
      .filter((each) => each.line === line).length
  await until(`${count} checks by ${line}`, () => asked() >= count)
}

for (const name of Object.keys(STATIC_SERVERS)) {
  needs(name).describe(`a real ${name}`, () => {
    test('gives out a file: 304 costs no body, a changed one is live', async () => {
      const server = await serveFolder(name)
      const first = build('1')
      put(server, 'app.sha256', `${sumOf(first)}  app\n`)
      put(server, 'app', first)
      const running = await follow(`${server.origin}/app`)
      await running.master.waitFor(committed, 'the first commit')
      expect(await ask(running.port)).toMatchObject({ version: '1' })

      const at = server.log().length
      await idleChecks(server, 'HEAD /app', 3)
      const idle = server.log().slice(at)
      expect(idle.filter(({ line }) => line === 'HEAD /app').map(({ status }) => status)).toContain(304)
      expect(idle.every(({ bytes }) => bytes === 0)).toBe(true)

      const since = running.master.mark()
      const second = build('2')
      put(server, 'app.sha256', `${sumOf(second)}  app\n`)
      publish(join(server.root, 'app'), (path) => writeFileSync(path, second))
      await running.master.waitFor(committed, 'the second commit', { since })
      expect(await ask(running.port)).toMatchObject({ version: '2' })
      const status = await running.master.status()
      expect(status.current).toMatchObject({ proofs: ['checksum-file'] })
    })

    test('gives out a half-uploaded file: it is not taken before it is whole', async () => {
      const server = await serveFolder(name)
      const first = build('1')
      put(server, 'SHA256SUMS', `${sumOf(first)}  app\n`)
      put(server, 'app', first)
      const running = await follow(`${server.origin}/app`)
      await running.master.waitFor(committed, 'the first commit')

      const since = running.master.mark()
      const second = build('2')
      put(server, 'SHA256SUMS', `${sumOf(second)}  app\n`)
      put(server, 'app', second.subarray(0, 100))
      // Never still, and not at its end before it is seen.
      let size = 100
      const upload = setInterval(() => {
        appendFileSync(join(server.root, 'app'), second.subarray(size, size + 1))
        size++
      }, 20)
      try {
        await running.master.waitFor(
          (event) => event.type === 'check-finished' && event.result === 'incomplete',
          'a check that finds it incomplete',
          { since },
        )
      } finally {
        clearInterval(upload)
      }
      put(server, 'app', second.subarray(0, second.length - 10))
      // It stands still now, and is short all the same.
      await running.master.waitFor(
        (event) => event.type === 'build-refused' && event.reason.includes('SHA256SUMS'),
        'a refusal by the sums',
        { since },
      )
      expect(running.master.events.slice(since).some(({ type }) => type === 'promotion-started')).toBe(false)
      expect(await ask(running.port)).toMatchObject({ version: '1' })
      put(server, 'app', second)
      await running.master.waitFor(committed, 'the second commit', { since })
      expect(await ask(running.port)).toMatchObject({ version: '2' })
    })

    test('gives out a manifest and archives', async () => {
      const server = await serveFolder(name)
      const offer = (version: string) => {
        const file = `app-${version}.tar.gz`
        archive(nodeServer({ version }))(join(server.root, file))
        const bytes = readFileSync(join(server.root, file))
        const artifact = { os: 'linux', url: 'app-{version}.tar.gz', sha256: sumOf(bytes), size: bytes.length }
        const manifest = { version, artifacts: [{ ...artifact, arch: process.arch }] }
        publish(join(server.root, 'app.json'), (path) => writeFileSync(path, JSON.stringify(manifest)))
      }
      offer('1.0.0')
      const running = await follow(`${server.origin}/app.json`)
      await running.master.waitFor(committed, 'the first commit')
      const at = server.log().length
      await idleChecks(server, 'GET /app.json', 3)
      expect(server.log().slice(at)).toContainEqual({ line: 'GET /app.json', status: 304, bytes: 0 })
      expect(
        server
          .log()
          .slice(at)
          .every(({ bytes }) => bytes === 0),
      ).toBe(true)

      const since = running.master.mark()
      offer('1.1.0')
      await running.master.waitFor(committed, 'the second commit', { since })
      expect(await ask(running.port)).toMatchObject({ version: '1.1.0' })
      expect((await running.master.status()).current).toMatchObject({ version: '1.1.0', proofs: ['https-digest'] })
    })

    test('is asked once for what is here, also by the next master', async () => {
      const server = await serveFolder(name)
      const bytes = build('1')
      put(server, 'app', bytes)
      const more = ['--sha256', sumOf(bytes)]
      const first = await follow(`${server.origin}/app`, more)
      await first.master.waitFor(committed, 'the first commit')
      await first.master.stop()
      const args = [...QUICK, '--fetch', `${server.origin}/app`, '--listen', `127.0.0.1:${first.port}`, ...more]
      const second = await startMaster({ args, stateDir: first.master.stateDir })
      await second.next('worker-ready')
      await idleChecks(server, 'HEAD /app', 2)
      expect(server.log().filter(({ line }) => line === 'GET /app')).toHaveLength(1)
    })
  })
}

test('a server that gives Last-Modified alone is asked without a body, and a change is live', async () => {
  const site = await serveSite()
  const offer = (version: string, modified: Date) => {
    const bytes = build(version)
    site.put('/app.sha256', { body: sumOf(bytes), etag: null, modified })
    site.put('/app', { body: bytes, etag: null, modified })
  }
  offer('1', new Date('2026-01-01T00:00:00Z'))
  const { master, port } = await follow(`${site.origin}/app`)
  expect(await master.next('build-committed')).toMatchObject({ version: '2026-01-01T00:00:00Z' })
  const sent = site.sent()
  const asked: string[] = []
  await until('three checks', () => {
    asked.push(...site.asked())
    return asked.filter((line) => line === 'HEAD /app').length > 3
  })
  expect(site.sent()).toBe(sent)
  const since = master.mark()
  offer('2', new Date('2026-01-02T00:00:00Z'))
  expect(await master.next('build-committed', { since })).toMatchObject({ version: '2026-01-02T00:00:00Z' })
  expect(await ask(port)).toMatchObject({ version: '2' })
})

needs('openssl').test('an https: source is reached through a proxy, by an authority of its own', async () => {
  const bytes = build('1')
  const web = await serveTls((request, response) => {
    const sha256 = sumOf(bytes)
    const manifest = JSON.stringify({ version: '1.0.0', artifacts: [{ url: 'app', sha256 }] })
    response.end(request.url === '/app' ? bytes : manifest)
  })
  const proxy = await serveProxy()
  const port = await freePort()
  const url = `https://release.test:${web.port}/app.json`
  const master = await startMaster({
    args: [...QUICK, '--fetch', url, '--listen', `127.0.0.1:${port}`],
    env: { HTTPS_PROXY: proxy.origin, NODE_EXTRA_CA_CERTS: authority().file },
  })
  await master.waitFor(committed, 'the first commit')
  expect(await ask(port)).toMatchObject({ version: '1' })
  expect(new Set(proxy.led)).toEqual(new Set([`release.test:${web.port}`]))
})

test('a source that is not there is said without its query, and the master goes on', async () => {
  const port = await freePort()
  const { master } = await follow(`http://127.0.0.1:${port}/app?token=geheim`)
  const event = await master.next('check-finished')
  const sentence = `127.0.0.1:${port} refuses connections`
  expect(event).toMatchObject({ result: 'error', message: expect.stringContaining(sentence) })
  expect(event.message).not.toContain('geheim')
  expect(await master.status()).toMatchObject({ current: null, lastCheck: { result: 'error' } })
})
