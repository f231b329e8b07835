import { beforeEach, describe, expect, test } from 'vitest'
import { httpsFetcher } from '../../fetchers/https.ts'
import type { Known } from '../../src/core/source.ts'
import { createHttpClient } from '../../src/system/http/client.ts'
import { needs } from '../support/requirements.ts'
import { type Page, type Site, serveSite } from '../support/site.ts'
import { authority } from '../support/web.ts'
import { APP, check, contextOf, fetched, messageOf, released, sha256 } from './https-context.ts'

let site: Site

beforeEach(async () => {
  site = await serveSite()
  site.put('/app', APP)
})

describe('a manifest', () => {
  const HERE = { os: 'linux', arch: 'x64' }
  const artifact = (more: object = {}) => ({ ...HERE, url: 'app', sha256: sha256(APP), size: APP.length, ...more })
  const put = (manifest: unknown, headers = {}) =>
    site.put('/m.json', { body: typeof manifest === 'string' ? manifest : JSON.stringify(manifest), headers })
  const context = () => contextOf(`${site.origin}/m.json`)

  test('says version, digest and size, relative to itself', async () => {
    put({ version: '1.2.3', publishedAt: '2026-01-02T03:04:05Z', artifacts: [artifact()] })
    const { release } = await released(context())
    expect(release).toMatchObject({
      version: '1.2.3',
      name: 'app',
      size: APP.length,
      digest: `sha256-${sha256(APP)}`,
      ordered: true,
      publishedAt: '2026-01-02T03:04:05Z',
    })
    expect((await fetched(context(), release)).text).toBe(APP)
  })

  test('is explained: what is for this machine, and why the others are not', async () => {
    const artifacts = [
      artifact({ url: 'mac', os: 'darwin', arch: 'arm64' }),
      artifact({ url: 'any', os: null, arch: null }),
      artifact({ url: 'dist/app', libc: 'glibc' }),
    ]
    const body = JSON.stringify({ version: '1.2.3', artifacts })
    for (const path of ['/m.json', '/latest']) {
      site.put(path, { body, headers: { 'content-type': 'application/json' } })
      expect(await httpsFetcher.explain?.(contextOf(site.origin + path))).toEqual({
        version: '1.2.3',
        choice: 'dist/app',
        candidates: [
          { name: 'dist/app', score: 4, reasons: ['for linux/x64/glibc'] },
          { name: 'any', score: 1, reasons: ['for any/any', 'but another one says more of this platform'] },
          { name: 'mac', score: 0, reasons: ['for darwin/arm64', 'and this is linux/x64/glibc'] },
        ],
        refusal: null,
      })
    }
    put({ version: '1.2.3', artifacts: artifacts.slice(0, 1) })
    expect(await httpsFetcher.explain?.(context())).toMatchObject({
      choice: null,
      refusal: `${site.origin}/m.json has nothing of 1.2.3 for linux/x64/glibc: there is darwin/arm64`,
    })
    await expect(httpsFetcher.explain?.(contextOf(`${site.origin}/app`))).rejects.toMatchObject({ code: 'usage' })
  })

  test('is one by its content type, too', async () => {
    const body = JSON.stringify({ version: '1.2.3', artifacts: [artifact()] })
    site.put('/latest', { body, headers: { 'content-type': 'application/json; charset=utf-8' } })
    const latest = contextOf(`${site.origin}/latest`)
    const { known, release } = await released(latest)
    expect(release.version).toBe('1.2.3')
    site.asked()
    expect(await check(latest, known)).toMatchObject({ kind: 'unchanged' })
    expect(site.asked()).toEqual(['HEAD /latest'])
  })

  test.each<[string, Partial<Page>]>([
    ['ETag', {}],
    ['Last-Modified', { etag: null, modified: new Date(0) }],
  ])('that is the same is unchanged by a 304 (%s), without a body', async (_, habits) => {
    site.put('/m.json', { body: JSON.stringify({ version: '1.2.3', artifacts: [artifact()] }), ...habits })
    const { known } = await released(context())
    const sent = site.sent()
    site.asked()
    expect(await check(context(), known)).toEqual({ kind: 'unchanged' })
    expect(site.asked()).toEqual(['GET /m.json'])
    expect(site.sent()).toBe(sent)
  })

  test('with the same bytes is unchanged, whatever the server says of them', async () => {
    const body = JSON.stringify({ version: '1.2.3', artifacts: [artifact()] })
    site.put('/m.json', { body, etag: '"a"' })
    const { known } = await released(context())
    site.put('/m.json', { body, etag: '"b"' })
    expect(await check(context(), known)).toMatchObject({ kind: 'unchanged', known: { look: { etag: '"b"' } } })
  })

  test.each([
    ['the fitting one', [artifact({ arch: 'arm64', url: 'no' }), artifact()]],
    ['by other names', [artifact({ os: 'macOS', url: 'no' }), artifact({ os: 'Linux', arch: 'amd64' })]],
    ['the one that says most', [artifact({ arch: null, url: 'no' }), artifact()]],
    ['the C library', [artifact({ libc: 'musl', url: 'no' }), artifact({ libc: 'glibc' }), artifact({ url: 'no' })]],
    ['static for any C library', [artifact({ libc: 'musl', url: 'no' }), artifact({ libc: 'static' })]],
    ['one for all', [{ url: 'app' }]],
    ['placeholders', [{ url: '/{version}/{os}-{arch}/app' }]],
    ['placeholders in its own words', [artifact({ arch: 'x86_64', url: '/{version}/{os}-{arch}/app' })]],
  ])('chooses %s', async (_, artifacts) => {
    for (const path of ['/1.2.3+b/linux-x64/app', '/1.2.3+b/linux-x86_64/app']) site.put(path.replace('+', '%2B'), APP)
    put({ version: '1.2.3+b', artifacts })
    const { release } = await released(context())
    expect((await fetched(context(), release)).text).toBe(APP)
  })

  test.each([
    [
      'nothing fits',
      [artifact({ os: 'darwin' }), artifact({ arch: 'arm64', libc: 'musl' })],
      /has nothing of 1\.0\.0 for linux\/x64\/glibc: there is darwin\/x64, linux\/arm64\/musl/,
    ],
    [
      'several fit',
      [artifact(), artifact({ url: 'b' })],
      /names more than one artifact of 1\.0\.0 for linux\/x64\/glibc/,
    ],
  ])('in which %s has nothing for this platform, and that is remembered', async (_, artifacts, what) => {
    put({ version: '1.0.0', artifacts })
    const result = await check(context())
    expect(result).toMatchObject({ kind: 'nothing-for-this-platform', message: expect.stringMatching(what) })
    expect(await check(context(), (result as { known: Known }).known)).toEqual({ kind: 'unchanged' })
  })

  test.each([
    ['{"version": "1.0', /is no JSON: check the address, and that it was published whole/],
    ['[]', /is no manifest: /],
    [{ version: '1.0.0', artifacts: [] }, /'artifacts' is not as in/],
    [{ version: '../1', artifacts: [artifact()] }, /'version' is not as in/],
    [{ version: '1.0.0', artifacts: [artifact({ sha256: 'abc' })] }, /'artifacts\.0\.sha256'/],
    [{ version: '1.0.0', artifacts: [artifact({ size: -1 })] }, /'artifacts\.0\.size'/],
    [{ version: '1.0.0', artifacts: [artifact({ name: '../x' })] }, /'artifacts\.0\.name'/],
    [{ version: '1.0.0', artifacts: [artifact({ url: 'http://[' })] }, /by no address/],
    [{ version: '1.0.0', artifacts: [artifact({ url: '{x}' })] }, /\{x\} in an address means nothing/],
    [{ version: '1.0.0', artifacts: [artifact({ url: 'file:///etc/passwd' })] }, /file:, which is not followed/],
    [{ version: '1.0.0', artifacts: [artifact({ url: 'http://192.0.2.1/app' })] }, /not encrypted: use https/],
  ])('such as %j is an error that says where', async (manifest, what) => {
    put(manifest)
    expect(await messageOf(check(context()))).toMatch(what)
  })

  test('without end is not read to the end', async () => {
    put(' '.repeat(2_000_000))
    expect(await messageOf(check(context()))).toMatch(/more than 1048576 bytes/)
  })

  test('that names what is not there yet, or not whole, is incomplete', async () => {
    put({ version: '1.0.0', artifacts: [artifact({ url: 'missing' })] })
    expect(await check(context())).toEqual({
      kind: 'incomplete',
      message: `1.0.0 names ${site.origin}/missing, which is not there`,
    })
    site.put('/app', APP.slice(0, 5))
    put({ version: '1.0.0', artifacts: [artifact()] })
    expect(await check(context())).toEqual({
      kind: 'incomplete',
      message: `${site.origin}/app of 1.0.0 has 5 bytes, and the manifest says ${APP.length}`,
    })
  })

  needs('openssl').test('read over https: names nothing over http:', async () => {
    const safe = await serveSite({ tls: true })
    safe.put('/m.json', JSON.stringify({ version: '1.0.0', artifacts: [artifact({ url: `${site.origin}/app` })] }))
    const signal = new AbortController().signal
    const http = createHttpClient({ signal, allowPlain: true, env: {}, authority: authority().pem })
    const text = await messageOf(check(contextOf(`${safe.origin}/m.json`, { http })))
    expect(text).toMatch(/names an artifact at http:, which is not fetched/)
  })

  test('has the sums beside its artifact looked for only where it gives none', async () => {
    site.put('/app.sha256', sha256(APP))
    site.put('/app.minisig', 'signature')
    put({ version: '1.0.0', artifacts: [artifact()] })
    expect((await released(context())).release.siblings).toEqual(['app.minisig'])
    put({ version: '1.0.0', artifacts: [artifact({ sha256: null })] })
    const { release } = await released(context())
    expect(release).toMatchObject({ digest: null, siblings: ['app.sha256', 'app.minisig'] })
  })
})
