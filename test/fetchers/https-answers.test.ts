import { beforeEach, describe, expect, test } from 'vitest'
import { BLIND_MS } from '../../fetchers/https/known.ts'
import { httpsFetcher } from '../../fetchers/https.ts'
import type { FetchContext } from '../../src/core/source.ts'
import { type Site, serveSite } from '../support/site.ts'
import { serveHttp } from '../support/web.ts'
import { APP, check, contextOf, fetched, messageOf, NEXT, released, sha256 } from './https-context.ts'

let site: Site

beforeEach(async () => {
  site = await serveSite()
  site.put('/app', APP)
})

const app = (more: Partial<FetchContext> = {}) => contextOf(`${site.origin}/app`, more)

describe('what lies beside a file', () => {
  test('is found, named after the file that came, and can be read', async () => {
    site.put('/d/app', APP)
    site.put('/d/app.sha256', 'sum')
    site.put('/d/app.minisig', 'signature')
    site.put('/d/SHA256SUMS', 'sums')
    const context = contextOf(`${site.origin}/d/app?key=secret`)
    const { release } = await released(context)
    expect(release.siblings).toEqual(['app.sha256', 'app.minisig', 'SHA256SUMS'])
    const read = (name: string) => httpsFetcher.companion?.(context, release, name)
    expect(await read('app.minisig')).toBe('signature')
    expect(await read('SHA256SUMS')).toBe('sums')
    expect(await read('checksums.txt')).toBeNull()
    expect(await read('../../etc/passwd')).toBeNull()
    expect(await read('constructor')).toBeNull()
    expect(site.asked()).toContain('GET /d/app.minisig?key=secret')
  })

  test('is nothing where every address is answered with a page', async () => {
    const page = { body: '<html>', headers: { 'content-type': 'text/html; charset=utf-8' } }
    for (const name of ['/app.sha256', '/SHA256SUMS', '/checksums.txt']) site.put(name, page)
    const { release } = await released(app())
    expect(release.siblings).toEqual([])
    expect(await httpsFetcher.companion?.(app(), release, 'SHA256SUMS')).toBeNull()
  })

  test('that came later, changed or went makes a release of a file that did not change', async () => {
    const { known } = await released(app())
    site.put('/app.sha256', sha256(NEXT))
    const second = await released(app(), known)
    expect(second.release.siblings).toEqual(['app.sha256'])
    site.put('/app.sha256', sha256(APP))
    const third = await released(app(), second.known)
    expect(await check(app(), third.known)).toMatchObject({ kind: 'unchanged' })
    site.pages.delete('/app.sha256')
    expect((await released(app(), third.known)).release.siblings).toEqual([])
  })

  test('and is missing is asked for ten minutes, then every ten minutes; what is there each time', async () => {
    site.put('/app.sha256', sha256(APP))
    const { known } = await released(app())
    const askedWith = async (seenAgoMs: number, askedAgoMs: number) => {
      site.asked()
      const result = await check(app(), { ...known, seenAt: Date.now() - seenAgoMs, askedAt: Date.now() - askedAgoMs })
      expect(result.kind).toBe('unchanged')
      return site
        .asked()
        .filter((line) => line !== 'HEAD /app')
        .sort()
    }
    const all = ['/SHA256SUMS', '/app.minisig', '/app.sha256', '/app.sha256sum', '/checksums.txt']
    expect(await askedWith(0, 0)).toEqual(all.map((path) => `HEAD ${path}`))
    expect(await askedWith(BLIND_MS, 0)).toEqual(['HEAD /app.sha256'])
    expect(await askedWith(BLIND_MS, BLIND_MS)).toEqual(all.map((path) => `HEAD ${path}`))
  })

  test('and cannot be told because the server is in trouble is an error, not absent', async () => {
    site.put('/app.sha256', { body: '', status: 503 })
    expect(await messageOf(check(app()))).toMatch(/app\.sha256 is in trouble \(503\)/)
  })
})

describe('an answer that is no release', () => {
  test.each([
    [404, /\/app is not there \(404\): check the address, or, where it takes a login, give a token with --token-file/],
    [410, /is not there \(410\)/],
    [401, /asks for a login \(401\): give a token with --token-file, or user:password@ in the address/],
    [403, /refuses access \(403\): give a token/],
    [429, /wants fewer requests \(429\): use a longer --interval/],
    [500, /is in trouble \(500\): it is tried again/],
    [503, /is in trouble \(503\)/],
    [418, /answers with status 418, which is no release/],
  ])('%i has its sentence', async (status, what) => {
    site.put('/app', { body: APP, status })
    const text = await messageOf(check(contextOf(`${site.origin}/app?token=secret`)))
    expect(text).toMatch(what)
    expect(text).not.toContain('secret')
  })

  test.each([
    [401, /does not accept the login \(401\): check the token/],
    [403, /refuses access \(403\): check what the token may read/],
    [404, /is not there \(404\): check the address$/],
  ])('%i with a token has another', async (status, what) => {
    site.put('/app', { body: APP, status })
    expect(await messageOf(check(app({ token: 'secret' })))).toMatch(what)
  })

  test('429 and 503 with Retry-After are waited for', async () => {
    site.put('/app', { body: APP, status: 429, headers: { 'retry-after': '120' } })
    await expect(check(app())).rejects.toMatchObject({ data: { waitMs: 120_000 } })
    const date = new Date(Date.now() + 90_000).toUTCString()
    site.put('/app', { body: APP, status: 503, headers: { 'retry-after': date } })
    const error = (await check(app()).catch((thrown: unknown) => thrown)) as { data: { waitMs: number } }
    expect(error.data.waitMs).toBeGreaterThan(80_000)
  })

  test.each([
    ['at the first look', null],
    ['from elsewhere than before', { path: '/elsewhere' }],
  ])('304 to a question without a condition ends the check, %s', async (_, moved) => {
    let requests = 0
    const odd = await serveHttp((request, response) => {
      // Enough of it.
      if (++requests > 20) response.statusCode = 500
      else response.statusCode = request.method === 'HEAD' ? 405 : 304
      response.end()
    })
    const known = { ...(await released(app())).known, method: 'GET' as const }
    const before = moved && { ...known, look: { ...known.look, path: moved.path } }
    const text = await messageOf(check(contextOf(`${odd.origin}/app`), before))
    expect(text).toMatch(/answers with status 304, which is no release/)
  })

  test('a web page is told from a release', async () => {
    site.put('/app', { body: '<html>', headers: { 'content-type': 'text/html' } })
    expect(await messageOf(check(app()))).toMatch(
      /answers with a web page \(text\/html\), not with a release: check the address/,
    )
  })

  test('what was compressed on the way is refused; what is gzip by its name is not', async () => {
    const headers = { 'content-encoding': 'gzip' }
    site.put('/app', { body: APP, headers })
    expect(await messageOf(released(app()).then(({ release }) => fetched(app(), release)))).toMatch(
      /compresses what it sends \(gzip\)/,
    )
    site.put('/app.tar.gz', { body: APP, headers })
    const context = contextOf(`${site.origin}/app.tar.gz`)
    expect((await fetched(context, (await released(context)).release)).text).toBe(APP)
  })
})

describe('a login', () => {
  test.each([
    ['a token', 'secret-token', (origin: string) => origin, 'secret-token'],
    ['user and password', 'me:pass', (origin: string) => origin.replace('//', '//me:pass@'), null],
  ])(
    'by %s opens the file, what lies beside it and what a manifest names there, and nothing elsewhere',
    async (_, login, at, token) => {
      site.login = login
      site.put('/app.sha256', sha256(APP))
      const context = contextOf(`${at(site.origin)}/app`, { token })
      const { release, known } = await released(context)
      expect((await fetched(context, release)).text).toBe(APP)
      expect(await httpsFetcher.companion?.(context, release, 'app.sha256')).toBe(sha256(APP))
      expect(JSON.stringify(known)).not.toMatch(/secret-token|me:pass/)

      const other = await serveSite()
      other.put('/app', APP)
      for (const url of ['app', `${other.origin}/app`]) {
        site.put('/m.json', JSON.stringify({ version: '1.0.0', artifacts: [{ url }] }))
        const manifest = contextOf(`${at(site.origin)}/m.json`, { token })
        expect((await fetched(manifest, (await released(manifest)).release)).text).toBe(APP)
      }
      expect(other.requests.length).toBeGreaterThan(0)
      expect(other.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true)
    },
  )
})
