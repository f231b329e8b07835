import { beforeEach, describe, expect, test, vi } from 'vitest'
import { BLIND_MS } from '../../fetchers/https/known.ts'
import { httpsFetcher } from '../../fetchers/https.ts'
import { fetcherFor } from '../../fetchers/index.ts'
import { isIncomplete } from '../../src/core/incomplete.ts'
import type { FetchContext } from '../../src/core/source.ts'
import { type Page, type Site, serveSite } from '../support/site.ts'
import { APP, check, collector, contextOf, fetched, NEXT, released, sha256 } from './https-context.ts'

let site: Site

beforeEach(async () => {
  site = await serveSite()
  site.put('/app', APP)
})

const app = (more: Partial<FetchContext> = {}) => contextOf(`${site.origin}/app`, more)

describe('an address', () => {
  test.each([
    ['https://h/app', 'https://h/app'],
    ['https://u:p@h:8443/a/{os}-{arch}-{libc}?x=y', 'https://u:p@h:8443/a/{os}-{arch}-{libc}?x=y'],
    ['http://127.0.0.1:1/app', 'http://127.0.0.1:1/app'],
  ])('%s is a source', async (spec, location) => {
    expect(await fetcherFor(spec)).toMatchObject({ location, fetcher: { scheme: 'https' } })
  })

  test.each([
    ['https:', /the address in --fetch is none: write https:\/\/host\/path/],
    ['https://', /none/],
    ['https:host/app', /none/],
    ['https:///app', /none/],
    ['http://h:99999/', /write http:\/\/host\/path/],
    ['https://h/a b', /none/],
    ['http://me:secret@h/app', /^the login in --fetch would go to h unencrypted: use https, or leave it out$/],
    ['https://h/app-{goos}', /\{goos\} in --fetch means nothing: there are \{os\}, \{arch\}, \{libc\} and \{version\}/],
  ])('%s is none', async (spec, what) => {
    await expect(fetcherFor(spec)).rejects.toMatchObject({ code: 'usage', message: expect.stringMatching(what) })
  })

  test('with placeholders is asked for this machine', async () => {
    site.put('/linux/x64/glibc/app', APP)
    const { release } = await released(contextOf(`${site.origin}/{os}/{arch}/{libc}/app`))
    expect(release.name).toBe('app')
  })
})

describe('a file', () => {
  test('is a release named by its ETag, without an order, with nothing that vouches for it', async () => {
    site.put('/app', { body: APP, etag: '"65a1b2c3-1f4"', modified: new Date('2026-01-02T03:04:05Z') })
    const { release } = await released(app())
    expect(release).toMatchObject({
      version: '65a1b2c3-1f4',
      name: 'app',
      size: APP.length,
      digest: null,
      ordered: false,
      siblings: [],
      publishedAt: '2026-01-02T03:04:05.000Z',
    })
    expect((await fetched(app(), release)).text).toBe(APP)
  })

  test.each<[Pick<Page, 'etag' | 'modified'>, string]>([
    [{ etag: 'W/"abc"' }, 'abc'],
    [{ etag: `"${'0f'.repeat(16)}"` }, '0f0f0f0f0f0f'],
    [{ etag: `"${'long-'.repeat(10)}"` }, sha256('long-'.repeat(10)).slice(0, 12)],
    [{ etag: null, modified: new Date('2026-01-02T03:04:05Z') }, '2026-01-02T03:04:05Z'],
  ])('with %j has the version %s', async (page, version) => {
    site.put('/app', { body: APP, ...page })
    expect((await released(app())).release.version).toBe(version)
  })

  test('that is the same is unchanged by a 304, without a body and with nothing new to remember', async () => {
    site.put('/app.sha256', sha256(APP))
    const { known } = await released(app())
    site.asked()
    expect(await check(app(), known)).toEqual({ kind: 'unchanged' })
    expect(site.asked()).toContain('HEAD /app')
    expect(site.requests.findLast(({ line }) => line === 'HEAD /app')?.headers['if-none-match']).toMatch(/^"/)
    expect(site.sent()).toBe(0)
  })

  test('that changed is a release again', async () => {
    const { known, release } = await released(app())
    site.put('/app', NEXT)
    const next = await released(app(), known)
    expect(next.release.version).not.toBe(release.version)
    expect((await fetched(app(), next.release)).text).toBe(NEXT)
  })

  test.each<[string, Partial<Page>]>([
    ['Last-Modified alone', { etag: null }],
    ['a weak ETag', { etag: 'W/"a"' }],
  ])('with %s is unchanged, and seen when it is older than before', async (_, habits) => {
    const at = (day: number) => new Date(Date.UTC(2026, 0, day))
    site.put('/app', { body: APP, modified: at(2), ...habits })
    const { known } = await released(app())
    expect(await check(app(), known)).toMatchObject({ kind: 'unchanged' })
    site.put('/app', { body: NEXT, modified: at(1), ...habits, ...(habits.etag ? { etag: 'W/"b"' } : {}) })
    await released(app(), known)
  })

  test('whose ETag only became weak on the way is unchanged', async () => {
    site.put('/app', { body: APP, etag: '"a"' })
    const { known } = await released(app())
    site.put('/app', { body: APP, etag: 'W/"a"' })
    expect(await check(app(), known)).toMatchObject({ kind: 'unchanged' })
  })

  test.each([405, 501, 403])(
    'of a server that answers HEAD with %i is looked at with GET, and so from then on',
    async (status) => {
      site.headStatus = status
      site.put('/app.sha256', sha256(APP))
      const { known, release } = await released(app())
      expect(known.method).toBe('GET')
      expect(release.siblings).toEqual(['app.sha256'])
      site.asked()
      expect(await check(app(), known)).toMatchObject({ kind: 'unchanged' })
      expect(site.asked()[0]).toBe('GET /app')
      expect((await fetched(app(), release)).text).toBe(APP)
    },
  )

  test('whatever was remembered before: it is looked at', async () => {
    for (const odd of [7, 'x', {}, { kind: 'file' }, { kind: 'manifest', look: {} }]) await released(app(), odd)
  })

  test('behind a redirect has the name of where it is, and another target is a change even under the same ETag', async () => {
    const page = { body: APP, etag: '"same"' }
    site.put('/app-1.tar.gz', page)
    site.put('/app-2.tar.gz', page)
    site.put('/latest', { body: '', status: 302, headers: { location: '/app-1.tar.gz' } })
    const context = contextOf(`${site.origin}/latest`)
    const { known, release } = await released(context)
    expect(release.name).toBe('app-1.tar.gz')
    expect(await check(context, known)).toMatchObject({ kind: 'unchanged' })
    site.put('/latest', { body: '', status: 302, headers: { location: '/app-2.tar.gz' } })
    expect((await released(context, known)).release.name).toBe('app-2.tar.gz')
  })
})

describe('the name', () => {
  test.each([
    ['attachment; filename="app-linux.tar.gz"', 'app-linux.tar.gz'],
    ['attachment; filename=app.zip; size=7', 'app.zip'],
    ["attachment; filename=x; filename*=UTF-8''b%c3%bc%20o.tgz", 'bü o.tgz'],
    ['attachment; filename="../../etc/passwd"', 'passwd'],
    ['attachment; filename="..\\\\..\\\\evil.exe"', 'evil.exe'],
    ['attachment; filename=".bashrc"', 'bashrc'],
    ['attachment; filename=".."', 'app'],
    ['attachment; filename=""', 'app'],
    [`attachment; filename="${'x'.repeat(300)}.tar.gz"`, `${'x'.repeat(193)}.tar.gz`],
    [`attachment; filename*=UTF-8''${encodeURIComponent('日'.repeat(70))}.tgz`, `${'日'.repeat(65)}.tgz`],
    ['inline', 'app'],
  ])('in Content-Disposition: %s', async (header, name) => {
    site.put('/app', { body: APP, headers: { 'content-disposition': header } })
    expect((await released(app())).release.name).toBe(name)
  })

  test.each([
    ['/a%20b.tar.gz', 'a b.tar.gz'],
    ['/x/%2e%2e%2fapp', 'app'],
    ['/', 'download'],
    ['/a%00b', 'ab'],
    ['/%ff', '%ff'],
  ])('of the path %s is %s', async (path, name) => {
    site.put(path, APP)
    expect((await released(contextOf(`${site.origin}${path}`))).release.name).toBe(name)
  })
})

describe('a server that gives neither ETag nor Last-Modified', () => {
  beforeEach(() => site.put('/app', { body: APP, etag: null, modified: null }))

  test('is read whole, with one warning, and its file is named by the digest, which vouches for nothing', async () => {
    const warnings: string[] = []
    const listening = app({ warn: (message) => warnings.push(message) })
    const { known, release } = await released(listening)
    expect(release).toMatchObject({ version: sha256(APP).slice(0, 12), digest: null })
    expect(await check(listening, known)).toMatchObject({ kind: 'unchanged' })
    expect(warnings).toEqual([
      expect.stringMatching(/neither ETag nor Last-Modified: it is read whole .* every 10 minutes/),
    ])
    expect((await fetched(app(), release)).text).toBe(APP)
    site.put('/app', { body: NEXT, etag: null, modified: null })
    expect((await released(app(), known)).release.version).toBe(sha256(NEXT).slice(0, 12))
  })

  test('is read every ten minutes unless somebody asks; one that says something is asked each time', async () => {
    const { known } = await released(app())
    const changed = (at: number) => {
      vi.setSystemTime(at)
      return httpsFetcher.changed?.('', known)
    }
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      const at = known.read?.at as number
      expect(await changed(at + BLIND_MS - 1)).toBe(false)
      expect(await changed(at + BLIND_MS)).toBe(true)
      expect(await changed(at - 1)).toBe(true)
    } finally {
      vi.useRealTimers()
    }
    site.put('/app', APP)
    expect(await httpsFetcher.changed?.('', (await released(app())).known)).toBe(true)
  })

  test('and a file that is another one at the download is incomplete', async () => {
    const { release } = await released(app())
    site.put('/app', { body: NEXT, etag: null, modified: null })
    await expect(fetched(app(), release)).rejects.toSatisfy(isIncomplete)
  })
})

describe('a file that is being written', () => {
  test('is taken when it stands still for two seconds of the server', async () => {
    const modified = new Date()
    site.put('/app', { body: APP, modified })
    await released(app())
    expect(Date.now() - modified.getTime()).toBeGreaterThan(1_000)
  })

  test('is incomplete when it changes in these two seconds', async () => {
    site.put('/app', { body: APP.slice(0, 5), modified: new Date() })
    const checking = check(app())
    await vi.waitFor(() => expect(site.requests).not.toHaveLength(0))
    site.put('/app', { body: APP.slice(0, 9), modified: new Date() })
    expect(await checking).toEqual({ kind: 'incomplete', message: `${site.origin}/app is being written` })
  })

  test.each<[string, Partial<Page>]>([
    ['an ETag', {}],
    ['Last-Modified', { etag: null, modified: new Date(0) }],
    ['a length', { etag: null, modified: new Date(3_600_000) }],
  ])('between check and download is incomplete by %s', async (_, habits) => {
    site.put('/app', { body: APP, ...habits, ...(habits.etag === null ? { modified: new Date(3_600_000) } : {}) })
    const { release } = await released(app())
    site.put('/app', { body: `${NEXT}longer`, ...habits })
    const sink = collector()
    const error = await fetched(app(), release, sink).catch((thrown: unknown) => thrown)
    expect(error).toSatisfy(isIncomplete)
    expect(sink.text).toBe('')
  })

  test('during the download is incomplete, though all bytes came', async () => {
    const whileSending = () => site.put('/app', NEXT)
    site.put('/app', { body: APP, whileSending })
    const { release } = await released(app())
    const sink = collector()
    const error = await fetched(app(), release, sink).catch((thrown: unknown) => thrown)
    expect(error).toSatisfy(isIncomplete)
    expect(sink.text).toBe(APP)
  })
})
