import { beforeEach, describe, expect, test } from 'vitest'
import { BLIND_MS } from '../../fetchers/https/known.ts'
import { httpsFetcher } from '../../fetchers/https.ts'
import { fetcherFor } from '../../fetchers/index.ts'
import type { FetchContext, Known, Release } from '../../src/core/source.ts'
import { type Site, serveSite } from '../support/site.ts'
import { serveHttp } from '../support/web.ts'
import { APP, check, contextOf, fetched, messageOf, NEXT, sha256 } from './https-context.ts'

let site: Site

beforeEach(async () => {
  site = await serveSite()
  site.put('/app-1.0.0', APP)
  site.put('/app-1.1.0', NEXT)
  site.put('/stable.txt', '1.0.0\n')
})

const asked = (more: Partial<FetchContext> = {}) =>
  contextOf(`${site.origin}/app-{version}@${site.origin}/stable.txt`, more)
const pinned = (version: string) => contextOf(`${site.origin}/app-{version}@${version}`)

async function releaseOf(context: FetchContext, known: Known | null = null): Promise<[Release, Known]> {
  const result = await check(context, known)
  if (result.kind !== 'release') throw new Error(JSON.stringify(result))
  return [result.release, result.known]
}

describe('an address with {version}', () => {
  test.each([
    'https://h/app-{version}-{os}-{arch}.tar.gz@1.4.2',
    'https://h/dl?v={version}@v1.4.2-rc.1+5',
    'https://u:p@h/{version}/a@b/app@1.4.2',
    'https://h/{version}/bin/{os}/{arch}/app@https://u:p@d.h/stable-{os}.txt?x=y@z',
    'http://127.0.0.1:1/{version}@http://127.0.0.1:2/',
  ])('%s is a source', async (spec) => {
    expect(await fetcherFor(spec)).toMatchObject({ location: spec, fetcher: { scheme: 'https' } })
  })

  test.each([
    ['https://h/app-{version}', /^nothing says which \{version\} .*: write ADDRESS@1\.2\.3, or ADDRESS@https:\/\//],
    ['https://u:p@h/app-{version}', /^nothing says which/],
    ['https://h/app-{version}@', /^'' is no version: write/],
    ['https://h/app-{version}@latest', /^'latest' is no version: write/],
    ['https://h/app-{version}@^1.2', /^'\^1\.2' is no version/],
    ['https://h/app-{version}@1.2?x', /^'1\.2\?x' is no version/],
    ['https://h/app-{version}@https:', /^'https:' is no version/],
    ['https://h/app-{version}@https://', /the address in --fetch is none/],
    ['https://h/app-{version}@https://h/{version}.txt', /^nothing says which/],
    ['https://h/app-{version}@https://h/{goos}.txt', /\{goos\} in --fetch means nothing/],
    ['https://{version}.h/app@1.2.3', /cannot be part of the host/],
    ['https://h/app-{version}@http://me:secret@d/x', /^the login in --fetch would go to d unencrypted/],
  ])('%s is none', async (spec, what) => {
    await expect(fetcherFor(spec)).rejects.toMatchObject({ code: 'usage', message: expect.stringMatching(what) })
  })

  test('is, without one, an address that may hold any @', async () => {
    site.put('/app@1.0.0', APP)
    expect((await releaseOf(contextOf(`${site.origin}/app@1.0.0`)))[0]).toMatchObject({ ordered: false })
  })
})

describe('a version that the operator names', () => {
  test('is filled in, has an order, and is asked for without its body from then on', async () => {
    site.put('/app-1.0.0.sha256', sha256(APP))
    const [release, known] = await releaseOf(pinned('1.0.0'))
    expect(release).toMatchObject({
      version: '1.0.0',
      name: 'app-1.0.0',
      ordered: true,
      siblings: ['app-1.0.0.sha256'],
    })
    expect(await httpsFetcher.companion?.(pinned('1.0.0'), release, 'app-1.0.0.sha256')).toBe(sha256(APP))
    expect((await fetched(pinned('1.0.0'), release)).text).toBe(APP)
    const sent = site.sent()
    expect(await check(pinned('1.0.0'), known)).toEqual({ kind: 'unchanged' })
    expect(site.sent()).toBe(sent)
    expect((await releaseOf(pinned('1.1.0'), known))[0].version).toBe('1.1.0')
  })

  test('is another one also where its file looks the same', async () => {
    site.put('/dl', { body: APP, etag: '"same"' })
    const of = (version: string) => contextOf(`${site.origin}/dl?v={version}@${version}`)
    const [, known] = await releaseOf(of('1.0.0'))
    expect((await releaseOf(of('1.1.0'), known))[0].version).toBe('1.1.0')
  })

  test('that is not there is an error', async () => {
    expect(await messageOf(check(pinned('1.2.0')))).toMatch(/app-1\.2\.0 is not there \(404\): check the address/)
  })

  test('is written as it stands in the address, and is the same version with a v', async () => {
    site.put('/app-v1.0.0', APP)
    expect((await releaseOf(pinned('v1.0.0')))[0]).toMatchObject({ version: '1.0.0', name: 'app-v1.0.0' })
  })

  test('has sums that came later seen', async () => {
    const [, known] = await releaseOf(pinned('1.0.0'))
    site.put('/SHA256SUMS', `${sha256(APP)}  app-1.0.0\n`)
    expect((await releaseOf(pinned('1.0.0'), known))[0].siblings).toEqual(['SHA256SUMS'])
  })
})

describe('a version that a text says', () => {
  test('is that of its one line, and the next when the text changes', async () => {
    const [release, known] = await releaseOf(asked())
    expect(release).toMatchObject({ version: '1.0.0', name: 'app-1.0.0', ordered: true })
    site.asked()
    const sent = site.sent()
    expect(await check(asked(), known)).toEqual({ kind: 'unchanged' })
    expect(site.asked().slice(0, 2)).toEqual(['GET /stable.txt', 'HEAD /app-1.0.0'])
    expect(site.sent()).toBe(sent)
    site.put('/stable.txt', 'v1.1.0')
    site.put('/app-v1.1.0', NEXT)
    const [next] = await releaseOf(asked(), known)
    expect(next.version).toBe('1.1.0')
    expect((await fetched(asked(), next)).text).toBe(NEXT)
  })

  test.each([
    ['only Last-Modified', { etag: null, modified: new Date(0) }],
    ['nothing', { etag: null, modified: null }],
  ])('is unchanged where the server says %s of the text', async (_, habits) => {
    site.put('/stable.txt', { body: '\uFEFF 1.0.0 \r\n', ...habits })
    const [, known] = await releaseOf(asked())
    expect(await check(asked(), known)).toEqual({ kind: 'unchanged' })
    site.put('/stable.txt', { body: '1.0.0', etag: '"new"' })
    const result = await check(asked(), known)
    expect(result).toMatchObject({ kind: 'unchanged', known: { text: { etag: '"new"' } } })
  })

  test('and whose file is not there yet is incomplete', async () => {
    const [, known] = await releaseOf(asked())
    site.put('/stable.txt', '1.2.0')
    const message = `1.2.0 is said to be there, and ${site.origin}/app-1.2.0 is not`
    expect(await check(asked(), known)).toEqual({ kind: 'incomplete', message })
    site.put('/app-1.2.0', APP)
    expect((await releaseOf(asked(), known))[0].version).toBe('1.2.0')
  })

  test.each([
    ['two lines', '1.0.0\n1.1.0\n'],
    ['a word', 'Not found'],
    ['nothing', ''],
    ['a page', '<!doctype html>'],
    ['control characters', '1.0.0\u001b[2J'],
    ['a way out of its folder', '1.0.0/../../x'],
    ['no plain text', Buffer.from([0x31, 0x2e, 0x30, 0xff])],
    ['a line without end', '1'.repeat(200)],
  ])('and holds %s is an error that shows it', async (_, body) => {
    site.put('/stable.txt', body)
    const message = await messageOf(check(asked()))
    expect(message).toMatch(/stable\.txt says no version: it holds '.{0,61}', and should be one line such as 1\.4\.2$/)
    expect(message).not.toMatch(/\p{Cc}/u)
  })

  test('and is a web page, not there, or longer than a version is an error', async () => {
    site.put('/stable.txt', { body: '1.0.0', headers: { 'content-type': 'text/html' } })
    expect(await messageOf(check(asked()))).toMatch(/answers with a web page/)
    site.put('/stable.txt', '1'.repeat(5_000))
    expect(await messageOf(check(asked()))).toMatch(/more than 4096 bytes/)
    site.pages.delete('/stable.txt')
    expect(await messageOf(check(asked()))).toMatch(/stable\.txt is not there \(404\)/)
  })

  test('behind a redirect is another one when that leads elsewhere, even under the same ETag', async () => {
    site.put('/one.txt', { body: '1.0.0', etag: '"same"' })
    site.put('/two.txt', { body: '1.1.0', etag: '"same"' })
    site.put('/stable.txt', { body: '', status: 302, headers: { location: '/one.txt' } })
    const [, known] = await releaseOf(asked())
    expect(await check(asked(), known)).toEqual({ kind: 'unchanged' })
    site.put('/stable.txt', { body: '', status: 302, headers: { location: '/two.txt' } })
    expect((await releaseOf(asked(), known))[0].version).toBe('1.1.0')
  })

  test('elsewhere gets no login of the source, and the source none of its', async () => {
    const seen: (string | undefined)[] = []
    const other = await serveHttp((request, response) => {
      seen.push(request.headers.authorization)
      response.end('1.0.0')
    })
    site.login = 'token'
    const location = (text: string) => `${site.origin}/app-{version}@${text}/stable.txt`
    await releaseOf(contextOf(location(other.origin), { token: 'token' }))
    expect(seen).toEqual([undefined])
    const basic = location(other.origin.replace('//', '//me:word@'))
    await releaseOf(contextOf(basic, { token: 'token' }))
    expect(seen[1]).toBe(`Basic ${Buffer.from('me:word').toString('base64')}`)
    await releaseOf(contextOf(location(site.origin), { token: 'token' }))
  })

  test('is asked each time where nothing is said of its file, which is read whole only now and then', async () => {
    site.put('/app-1.0.0', { body: APP, etag: null, modified: null })
    const [release, known] = await releaseOf(asked())
    expect(release.version).toBe('1.0.0')
    site.asked()
    expect(await httpsFetcher.changed?.('', known)).toBe(true)
    expect(await check(asked(), known)).toEqual({ kind: 'unchanged' })
    expect(site.asked()).toEqual(['GET /stable.txt'])
    const { file, ...rest } = known as { file: { read: object } }
    const old = { ...rest, file: { ...file, read: { ...file.read, at: Date.now() - BLIND_MS } } }
    expect((await check(asked(), old)).kind).toBe('unchanged')
    expect(site.asked()).toContain('GET /app-1.0.0')
  })

  test('is explained, without what an address may hold of secrets', async () => {
    const location = `${site.origin}/app-{version}?k=geheim@${site.origin}/stable.txt?k=geheim`
    const name = `${site.origin}/app-1.0.0`
    expect(await httpsFetcher.explain?.(contextOf(location))).toEqual({
      version: '1.0.0',
      choice: name,
      candidates: [{ name, score: 1, reasons: [`for the version that ${site.origin}/stable.txt says`] }],
      refusal: null,
    })
  })

  test('whatever was remembered before: it is looked at', async () => {
    for (const odd of [7, {}, { kind: 'version' }, { kind: 'version', version: '1.0.0', text: null, file: {} }])
      await releaseOf(asked(), odd)
  })
})
