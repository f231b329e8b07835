import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Known } from '../../src/core/source.ts'
import type { StageJob, StageVerdict } from '../../src/runtime/stager/stage-protocol.ts'
import type { StorePaths } from '../../src/store/layout.ts'
import { type Site, serveSite } from '../support/site.ts'
import { jobFor, runJob, temporaryStore } from '../support/stores.ts'
import { serveHttp } from '../support/web.ts'
import { APP, collector, contextOf, fetched, messageOf, NEXT, released, sha256 } from './https-context.ts'

let site: Site

beforeEach(async () => {
  site = await serveSite()
  site.put('/app', APP)
})

/** What a stream holds back (its high-water mark), and a piece more. */
const STREAM_BYTES = 131_072

const app = () => contextOf(`${site.origin}/app`)

describe('the server of these tests', () => {
  test('says the same of a file at any second, as a file system does', async () => {
    site.put('/app', { body: APP, etag: null })
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const { release } = await released(app())
    vi.setSystemTime(Date.now() + 1_000)
    expect((await fetched(app(), release)).text).toBe(APP)
  })
})

describe('a download that was cut', () => {
  test('goes on where it was, when the ETag is strong and still the same', async () => {
    const { release } = await released(app())
    site.asked()
    const sink = await fetched(app(), release, collector(APP.slice(0, 7)))
    expect(sink.text).toBe(APP)
    expect(sink.identity).toContain('"')
    const { headers } = site.requests.findLast(({ line }) => line === 'GET /app') ?? {}
    expect(headers).toMatchObject({ range: 'bytes=7-', 'if-range': expect.stringMatching(/^"[0-9a-f]{32}"$/) })
    expect(site.sent()).toBe(APP.length - 7)
  })

  test('begins anew where the server knows no ranges, or the end lies before', async () => {
    site.put('/app', { body: APP, chunked: true })
    const { release } = await released(app())
    expect(release.size).toBeNull()
    expect((await fetched(app(), release, collector('x'.repeat(500)))).text).toBe(APP)
    site.hasRanges = false
    expect((await fetched(app(), release, collector(APP.slice(0, 7)))).text).toBe(APP)
  })

  test('is not kept where nothing names the bytes', async () => {
    site.put('/app', { body: APP, etag: 'W/"x"' })
    expect((await fetched(app(), (await released(app())).release)).identity).toBeNull()
    site.put('/app', { body: APP, etag: null })
    expect((await fetched(app(), (await released(app())).release)).identity).toBeNull()
  })

  test.each([
    ['of another file', { etag: '"other"' }],
    ['from elsewhere', { 'content-range': `bytes 3-${APP.length - 1}/${APP.length}` }],
    ['of another length', { 'content-range': `bytes 7-${APP.length - 1}/999` }],
    ['without saying which', { 'content-range': 'nonsense' }],
  ])('takes no rest %s', async (_, headers: Record<string, string>) => {
    const range = `bytes 7-${APP.length - 1}/${APP.length}`
    const odd = await serveHttp((request, response) => {
      response.setHeader('etag', '"x"')
      if (request.headers.range === undefined) return void response.setHeader('content-length', APP.length).end(APP)
      response.writeHead(206, { etag: '"x"', 'content-range': range, ...headers }).end('wrong')
    })
    const context = contextOf(`${odd.origin}/app`)
    const { release } = await released(context)
    expect((await fetched(context, release, collector(APP.slice(0, 7)))).text).toBe(APP)
  })
})

test('a part of the file is no answer to who asked for all of it', async () => {
  let requests = 0
  const odd = await serveHttp((request, response) => {
    response.setHeader('etag', '"x"')
    if (request.method === 'HEAD') return void response.setHeader('content-length', APP.length).end()
    // Enough of it.
    if (++requests > 20) return void response.writeHead(500).end()
    response.writeHead(206, { 'content-range': `bytes 0-${APP.length - 1}/${APP.length}` }).end(APP)
  })
  const context = contextOf(`${odd.origin}/app`)
  const { release } = await released(context)
  expect(await messageOf(fetched(context, release))).toMatch(/answers with status 206, which is no release/)
})

describe('staged', () => {
  let store: StorePaths

  beforeEach(async () => {
    store = await temporaryStore()
  })

  const run = (more: Partial<StageJob> = {}, path = '/app'): Promise<StageVerdict> =>
    runJob(jobFor(store, `${site.origin}${path}`, more))
  const treeOf = (verdict: StageVerdict, name = 'app') => {
    if (verdict.type !== 'staged' || verdict.directory === null) throw new Error(JSON.stringify(verdict))
    return readFileSync(join(verdict.directory, 'tree', name), 'utf8')
  }

  test('is nothing that nobody vouches for', async () => {
    expect(await run()).toMatchObject({ type: 'refused', id: null, reason: expect.stringContaining('nothing vouches') })
    expect(site.sent()).toBe(0)
  })

  test('is what the sums beside it, the manifest or --sha256 vouch for', async () => {
    expect(treeOf(await run({ sha256: sha256(APP) }))).toBe(APP)
    site.put('/m.json', JSON.stringify({ version: '1.0.0', artifacts: [{ url: 'app', sha256: sha256(APP) }] }))
    expect(treeOf(await run({}, '/m.json'))).toBe(APP)
    site.put('/SHA256SUMS', `${sha256(NEXT)}  other\n${sha256(APP)}  app\n`)
    expect(treeOf(await run())).toBe(APP)
  })

  test('is nothing that they do not, until they do', async () => {
    site.put('/app.sha256', sha256(NEXT))
    const refused = await run()
    expect(refused).toMatchObject({ type: 'refused' })
    const { known } = refused as { known: Known }
    expect(await run({ known })).toMatchObject({ type: 'unchanged' })
    site.put('/app.sha256', sha256(APP))
    expect(treeOf(await run({ known }))).toBe(APP)
  })

  test('goes on after cuts, in one job where bytes came, and in the next where it was given up', async () => {
    const body = Buffer.alloc(400_000, '#!/bin/sh\n')
    site.put('/app', { body, cutAfter: 150_000 })
    expect(treeOf(await run({ sha256: sha256(body) }))).toHaveLength(body.length)
    // Two cuts, and what a stream holds is lost with its connection.
    expect(site.sent()).toBeLessThanOrEqual(body.length + 2 * STREAM_BYTES)

    const next = Buffer.alloc(400_000, '#!/bin/sh\n#\n')
    const job = { sha256: sha256(next) }
    site.put('/next', { body: next, cutAfter: 150_000 })
    site.hasRanges = false
    const failed = await run(job, '/next')
    expect(failed).toMatchObject({
      type: 'error',
      message: expect.stringMatching(/broke the connection|number of bytes/),
    })
    expect(readdirSync(store.tmp).some((name) => name.startsWith('partial-'))).toBe(true)
    site.hasRanges = true
    site.put('/next', next)
    const sent = site.sent()
    expect(treeOf(await run(job, '/next'), 'next')).toHaveLength(next.length)
    expect(site.sent() - sent).toBeLessThan(next.length)
  })

  test('is fetched once more, whole, where the pieces of a cut download do not fit', async () => {
    const body = Buffer.alloc(400_000, '#!/bin/sh\n')
    const whole: string[] = []
    const odd = await serveHttp(({ method, url, headers: { range } }, response) => {
      if (url !== '/app') return void response.writeHead(404).end()
      response.setHeader('etag', '"x"').setHeader('content-length', body.length)
      if (method === 'HEAD') return void response.end()
      if (range !== undefined) {
        const rest = Buffer.alloc(body.length - Number(/\d+/.exec(range)?.[0]), 'other')
        response.setHeader('content-range', `bytes ${body.length - rest.length}-${body.length - 1}/${body.length}`)
        return void response.writeHead(206, { 'content-length': rest.length }).end(rest)
      }
      if (whole.push('GET') > 1) return void response.end(body)
      response.write(body.subarray(0, 150_000), () => response.destroy())
    })
    const verdict = await runJob(jobFor(store, `${odd.origin}/app`, { sha256: sha256(body) }))
    expect(treeOf(verdict)).toHaveLength(body.length)
    expect(whole).toHaveLength(2)
  })

  test('is nothing that changes under its hands', async () => {
    site.put('/app', { body: APP, whileSending: () => site.put('/app', NEXT) })
    expect(await run({ sha256: sha256(APP) })).toMatchObject({ type: 'incomplete' })
  })
})
