/** Apps as the first page of each framework has them: swapped under load, and nobody notices. */

import { describe, expect, test } from 'vitest'
import { certificate } from '../support/certificate.ts'
import { type LoadOptions, startLoad, summary } from '../support/load.ts'
import { nextStandalone } from '../support/next.ts'
import { type NodeService, type NodeServiceOptions, startNode, swap, writtenTo } from '../support/node-apps.ts'
import { NODES } from '../support/nodes.ts'
import { needs } from '../support/requirements.ts'

/** The full run is 50; each takes about a second. */
const SWAPS = Number(process.env.AUTOUP_TEST_SWAPS ?? 3)
const TLS_RATE = SWAPS < 50 ? 200 : 500
const TIMEOUT_MS = 60_000 + SWAPS * 10_000

const APPS: [name: string, file: string][] = [
  ['http', 'plain.cjs'],
  ['express', 'express.mjs'],
  ['fastify', 'fastify.mjs'],
  ['hono', 'hono.mjs'],
  ['koa', 'koa.cjs'],
]

describe.each(NODES)('node %s', (_, node) => {
  test.each(APPS)(
    `${SWAPS} swaps under 500 requests a second fail none of them: %s`,
    async (_name, file) => {
      const service = await startNode({ app: appAt(file), host: null, node })
      await swapsUnderLoad(service, {})
    },
    TIMEOUT_MS,
  )

  // Fewer in the short run, beside other tests: a handshake costs many times what a request does, on both sides.
  needs('openssl').test.each<[name: string, file: string, load: Partial<LoadOptions>]>([
    ['https', 'https.mjs', { isTls: true }],
    ['http2, with clients that respect GOAWAY', 'http2.mjs', { isHttp2: true, keepAlive: 8 }],
  ])(
    `${SWAPS} swaps under ${TLS_RATE} requests a second fail none of them: %s`,
    async (_name, file, load) => {
      const { key, cert } = certificate()
      const service = await startNode({ app: appAt(file), host: null, node, env: { KEY: key, CERT: cert } })
      await swapsUnderLoad(service, { ...load, rate: TLS_RATE })
    },
    TIMEOUT_MS,
  )

  test(
    `${SWAPS} swaps under 500 requests a second fail none of them: fastify where localhost is two addresses`,
    async () => {
      const nodeArgs = ['--require', writtenTo('two-addresses.cjs', TWO_ADDRESSES)]
      const service = await startNode({ app: appAt('fastify.mjs'), host: null, node, nodeArgs })
      await swapsUnderLoad(service, {})
      expect(service.master.output).toContain('localhost is 127.0.0.1 and ::1')
    },
    TIMEOUT_MS,
  )

  test(
    `${SWAPS} swaps under 500 requests a second fail none of them: TypeScript by tsx`,
    async () => {
      const service = await startNode({ ...TYPESCRIPT, host: null, node })
      await swapsUnderLoad(service, {})
    },
    TIMEOUT_MS,
  )
})

// Not skipped where it is not asked for: it is no part of the ordinary run.
if (process.env.AUTOUP_TEST_NEXT) {
  test(
    `${SWAPS} swaps under 200 requests a second fail none of them: the standalone server of Next.js`,
    async () => {
      const env = { HOSTNAME: '0.0.0.0' }
      const service = await startNode({
        app: '',
        cwd: nextStandalone(),
        command: ['node', 'server.js'],
        host: null,
        env,
      })
      await swapsUnderLoad(service, { rate: 200, path: '/pid' })
    },
    TIMEOUT_MS + 300_000,
  )
}

/** With an enum, which Node itself does not take. */
const TYPESCRIPT: Pick<NodeServiceOptions, 'app' | 'file' | 'nodeArgs'> = {
  file: 'app.ts',
  nodeArgs: ['--import', import.meta.resolve('tsx')],
  app: `
    import http from 'node:http'

    enum Status { Fine = 200 }

    http
      .createServer((_request: http.IncomingMessage, response: http.ServerResponse): void => {
        response.writeHead(Status.Fine).end(JSON.stringify({ pid: process.pid }))
      })
      .listen(Number(process.env.PORT))`,
}

/** What the resolver says on most machines, if not on this one; fastify then listens on both. */
const TWO_ADDRESSES = `
  const dns = require('node:dns')
  const { lookup } = dns
  dns.lookup = (host, options, done) => {
    if (host !== 'localhost' || options.all !== true) return lookup(host, options, done)
    console.log('localhost is 127.0.0.1 and ::1')
    process.nextTick(done, null, [{ address: '127.0.0.1', family: 4 }, { address: '::1', family: 6 }])
  }`

async function swapsUnderLoad(service: NodeService, options: Partial<LoadOptions>): Promise<void> {
  await service.master.next('worker-ready')
  const load = await startLoad({
    target: service.port,
    rate: 500,
    newShare: 0.5,
    maxMs: 600_000,
    maxRequests: 1_000_000,
    identify: /"pid":(\d+)/,
    ...options,
  })
  for (let number = 1; number <= SWAPS; number++) {
    await swap(service)
    const { pid } = (await service.master.status()).workers[0] ?? {}
    await load.waitFor((report) => report.versions[String(pid)] !== undefined, `answer of ${pid}`)
  }
  const report = await load.stop()
  expect(report.failed, summary(report)).toBe(0)
  expect(Object.keys(report.versions), 'each generation has answered').toHaveLength(SWAPS + 1)
}

function appAt(file: string): URL {
  return new URL(`../support/frameworks/${file}`, import.meta.url)
}
