import type { components } from '@octokit/openapi-types'
import { describe, expect, test } from 'vitest'
import type { GithubRelease } from '../../fetchers/github/answer.ts'
import { githubFetcher } from '../../fetchers/github.ts'
import { waitMsOf } from '../../src/core/incomplete.ts'
import type { Release, Sink } from '../../src/core/source.ts'
import { bookOf } from '../../src/runtime/budgets.ts'
import { check, contextFor, type Found, fetched, found } from '../support/github-check.ts'
import { type ApiRelease, startGithub } from '../support/github-server.ts'
import { sharedData } from '../support/shared-data.ts'

const APP = { 'app-linux-x64': 'x64', 'app-linux-arm64': 'arm64', 'app-darwin-arm64': 'mac' }
const MINUTE_MS = 60_000
const ago = (ms: number): Date => new Date(Date.now() - ms)

test('what GitHub documents as a release is what is read here', () => {
  const read = (release: components['schemas']['release']): GithubRelease => release
  expect(read).toBeTypeOf('function')
})

describe('the version', () => {
  test('is the highest one, though a backport was published later', async () => {
    const github = await startGithub()
    github.publish('v2.0.0', { assets: APP })
    github.publish('v1.10.0', { assets: APP })
    github.publish('v1.9.1', { assets: APP })
    expect((await found(github)).release).toMatchObject({ version: '2.0.0', name: 'app-linux-x64', ordered: true })
  })

  test('is the highest of all pages, in pages of any size', async () => {
    const github = await startGithub({ pageSize: 2 })
    github.publish('v3.0.0', { assets: APP })
    for (let patch = 0; patch < 9; patch++) github.publish(`v1.0.${patch}`, { assets: APP })
    expect((await found(github)).release.version).toBe('3.0.0')
    expect(github.asked.every(({ status }) => status === 200)).toBe(true)
  })

  test.each([
    ['', '2.0.0'],
    ['@latest', '2.0.0'],
    ['@^1', '1.2.3'],
    ['@1.x', '1.2.3'],
    ['@~1.1', '1.1.9'],
    ['@1.0.0', '1.0.0'],
    ['@>=1', '2.0.0'],
    ['@next', '3.0.0-rc.1'],
    ['@beta', '2.1.0-beta.2'],
    ['?prerelease=1', '3.0.0-rc.1'],
    ['?prerelease=0', '2.0.0'],
    ['@^2.1.0-beta.0', '2.1.0-beta.2'],
    ['@2.5.0', '2.5.0'],
    ['@^1?prerelease=1', '1.3.0-beta.1'],
  ])('that org/app%s asks for is %s', async (rest, version) => {
    const github = await startGithub()
    for (const tag of ['v1.0.0', 'v2.0.0', 'v1.2.3', '1.1.9', 'v2.1.0-beta.2', 'v1.3.0-beta.1', 'v3.0.0-rc.1']) {
      github.publish(tag, { assets: APP, prerelease: tag.includes('-') })
    }
    // Its publisher calls it one, its version does not.
    github.publish('v2.5.0', { assets: APP, prerelease: true })
    github.publish('v9.0.0', { assets: APP, draft: true })
    github.publish('nightly', { assets: APP })
    expect((await found(github, { location: `org/app${rest}` })).release.version).toBe(version)
  })

  test.each([
    ['app@', '1.2.3'],
    ['app-v', '1.4.0'],
    ['app/', '1.3.0'],
    ['app', '1.4.0'],
    ['app-cli-v', '9.0.0'],
    ['packages/app/v', '7.0.0'],
  ])('of one program of many is told by its tag prefix %s', async (prefix, version) => {
    const github = await startGithub()
    const tags = [
      'app@1.2.3',
      'app/v1.3.0',
      'app-v1.4.0',
      'app-cli-v9.0.0',
      'lib@8.0.0',
      'v10.0.0',
      'packages/app/v7.0.0',
    ]
    for (const tag of tags) github.publish(tag, { assets: APP })
    const location = `org/app?tag-prefix=${encodeURIComponent(prefix)}`
    expect((await found(github, { location })).release.version).toBe(version)
  })

  test('keeps its build metadata', async () => {
    const github = await startGithub()
    github.publish('v1.0.0+2', { assets: APP })
    github.publish('v1.0.0+1', { assets: APP })
    expect((await found(github)).release.version).toBe('1.0.0+2')
  })
})

describe('where nothing is wanted, it is said what there is', () => {
  test.each([
    [
      '@^3',
      /^no release of org\/app is in \^3: the newest are 2\.0\.0, 1\.0\.0; publish one, or change the range$/,
      ['v1.0.0', 'v2.0.0'],
    ],
    ['@9.9.9', /the newest are 2\.0\.0/, ['v1.0.0', 'v2.0.0']],
    ['', /prereleases only: the newest are 1\.0\.0-rc\.1; take them with @next/, ['v1.0.0-rc.1']],
    [
      '',
      /no version as its tag|has a version as its tag: there are lib@2\.0\.0, app@1\.0\.0; .*tag-prefix/,
      ['app@1.0.0', 'lib@2.0.0'],
    ],
    ['?tag-prefix=web-', /has the tag prefix 'web-': its tags are app-1\.0\.0/, ['app-1.0.0']],
    ['', /^org\/app has no releases: publish one there$/, []],
    ['', /there are \?gpj\.exe\?;/, ['\u202Egpj.exe\u0007']],
    ['@not!a!range', /'not!a!range' is neither a range of versions nor a channel/, ['v1.0.0']],
  ])('org/app%s', async (rest, message, tags) => {
    const github = await startGithub()
    for (const tag of tags) github.publish(tag, { assets: APP })
    await expect(check(github, { location: `org/app${rest}` })).rejects.toThrow(message)
  })

  test('a repository that is not there, or not for everybody', async () => {
    const github = await startGithub({ isPrivate: true })
    github.publish('v1.0.0', { assets: APP })
    await expect(check(github, { token: null })).rejects.toThrow(
      /there is no repository org\/app at http.*: it does not exist or it is private: .*GH_TOKEN or --token-file/,
    )
    await expect(check(github, { location: 'org/other' })).rejects.toThrow(/or the token may not read it/)
    expect((await found(github)).release.version).toBe('1.0.0')
  })

  test('a token that is not good', async () => {
    const github = await startGithub()
    const failure = check(github, { token: 'ghp_stolen' })
    await expect(failure).rejects.toThrow(/does not accept the token \(401, Bad credentials\)/)
    await expect(failure).rejects.not.toThrow(/ghp_stolen/)
  })

  test.each(['{"message":"hello"}', '<html>', '[{"id":1}]', '[null]', '', '[{"id":-1,"tag_name":"v1.0.0"}]'])(
    'an answer that is none: %s',
    async (body) => {
      const github = await startGithub()
      github.refuse({ status: 200, message: '' })
      const context = contextFor(github)
      const text = context.http.text
      const http = { ...context.http, text: async (url: string) => ({ ...(await text(url)), status: 200, body }) }
      await expect(githubFetcher.check({ ...context, http }, null)).rejects.toThrow(
        /is not a list of releases.*GITHUB_API_URL/,
      )
    },
  )
})

describe('the asset', () => {
  test('is the one for this machine, with its digest, size, siblings and time', async () => {
    const github = await startGithub()
    const publishedAt = ago(24 * 60 * MINUTE_MS)
    const { assets } = github.publish('v1.0.0', { assets: { ...APP, SHA256SUMS: 'sums' }, publishedAt })
    const { release } = await found(github)
    expect(release).toMatchObject({
      name: 'app-linux-x64',
      size: 3,
      digest: assets[0]!.digest!.replace('sha256:', 'sha256-'),
      siblings: ['app-linux-arm64', 'app-darwin-arm64', 'SHA256SUMS'],
      publishedAt: publishedAt.toISOString(),
    })
    const arm = { os: 'linux', arch: 'arm64', libc: 'glibc' } as const
    expect((await found(github, { platform: arm })).release.name).toBe('app-linux-arm64')
  })

  test('has no digest where GitHub has none, or one of another algorithm', async () => {
    const github = await startGithub()
    const release = github.publish('v1.0.0', { assets: APP, hasDigests: false })
    expect((await found(github)).release.digest).toBeNull()
    release.assets[0]!.digest = 'sha512:abc'
    expect((await found(github)).release.digest).toBeNull()
  })

  test.each([
    ['app-linux-*', 'app-linux-x64'],
    ['*x-arm64', 'app-linux-arm64'],
    ['app-darwin-arm64', 'app-darwin-arm64'],
    ['app-d*-???64', 'app-darwin-arm64'],
  ])('that ?asset=%s names is %s', async (glob, name) => {
    const github = await startGithub()
    github.publish('v1.0.0', { assets: APP })
    expect((await found(github, { location: `org/app?asset=${glob}` })).release.name).toBe(name)
  })

  test('that no release has for this machine is named with what there is', async () => {
    const github = await startGithub()
    github.publish('v1.0.0', { assets: { 'app-darwin-arm64': 'mac', 'app-windows-x64.exe': 'win' } })
    const none = await check(github)
    expect(none).toMatchObject({
      kind: 'nothing-for-this-platform',
      message: expect.stringMatching(/^1\.0\.0 of org\/app: .*app-darwin-arm64, app-windows-x64\.exe/),
    })
    const other = await check(github, { location: 'org/app?asset=server-*' })
    expect(other).toMatchObject({
      message: expect.stringMatching(/no file matches \?asset=server-\*; there are app-darwin/),
    })
  })

  test('is of the same kind as last time, also when a better one appears', async () => {
    const github = await startGithub()
    github.publish('v1.0.0', { assets: { 'app-v1.0.0-linux-x64-musl.tar.gz': '1' } })
    const first = await found(github)
    expect(first.release.name).toBe('app-v1.0.0-linux-x64-musl.tar.gz')
    github.publish('v1.1.0', {
      assets: { 'app-v1.1.0-linux-x64-gnu.tar.gz': '2', 'app-v1.1.0-linux-x64-musl.tar.gz': '3' },
    })
    const second = await found(github, { known: first.known })
    expect(second.release.name).toBe('app-v1.1.0-linux-x64-musl.tar.gz')
    expect((await found(github)).release.name).toBe('app-v1.1.0-linux-x64-gnu.tar.gz')
  })

  test('that has only another kind of file yet is waited for, and for how long is said', async () => {
    const github = await startGithub()
    github.publish('v1.0.0', { assets: { 'app-1.0.0.tar.gz': '1' } })
    const { known } = await found(github)
    github.publish('v1.1.0', { assets: { 'app.tar.gz': '2' }, publishedAt: new Date() })
    expect(await check(github, { known })).toMatchObject({
      kind: 'incomplete',
      message:
        '1.1.0 of org/app has no app-*.tar.gz yet, which is what was taken before: it is waited for, 2 min after the last upload app.tar.gz is taken',
    })
  })

  test('whose name could not be that of a file is none', async () => {
    const github = await startGithub()
    github.publish('v1.0.0', { assets: { '../app-linux-x64': 'evil', 'app\n-linux-x64': 'evil' } })
    expect(await check(github)).toMatchObject({ kind: 'nothing-for-this-platform' })
  })
})

describe('a release whose assets arrive one by one', () => {
  test('is incomplete until all are uploaded, and then taken', async () => {
    const github = await startGithub()
    const release = github.publish('v1.0.0', { publishedAt: new Date() })
    expect(await check(github)).toMatchObject({
      kind: 'incomplete',
      message: expect.stringContaining('1.0.0 of org/app'),
    })
    github.attach(release, 'app-darwin-arm64', 'mac')
    expect(await check(github)).toMatchObject({
      kind: 'incomplete',
      message: expect.stringContaining('app-darwin-arm64'),
    })
    const linux = github.attach(release, 'app-linux-x64', 'x64', 'open')
    expect(await check(github)).toMatchObject({
      kind: 'incomplete',
      message: '1.0.0 of org/app is being uploaded: app-linux-x64 is on its way',
    })
    linux.state = 'uploaded'
    const sums = github.attach(release, 'SHA256SUMS', 'sums', 'open')
    expect(await check(github)).toMatchObject({ kind: 'incomplete' })
    sums.state = 'uploaded'
    expect((await found(github)).release).toMatchObject({
      name: 'app-linux-x64',
      siblings: ['app-darwin-arm64', 'SHA256SUMS'],
    })
  })

  test('is not taken with another kind of file before the usual one had time to come', async () => {
    const github = await startGithub()
    github.publish('v1.0.0', { assets: { 'app-1.0.0-linux-x64-gnu.tar.gz': '1' } })
    const { known } = await found(github)
    const next = github.publish('v1.1.0', {
      assets: { 'app-1.1.0-linux-x64-musl.tar.gz': '2' },
      publishedAt: new Date(),
    })
    expect(await check(github, { known })).toMatchObject({
      message: expect.stringContaining('app-*-linux-x64-gnu.tar.gz'),
    })
    for (const asset of next.assets) asset.updated_at = ago(3 * MINUTE_MS).toISOString()
    next.published_at = ago(3 * MINUTE_MS).toISOString()
    expect(await found(github, { known })).toMatchObject({ release: { name: 'app-1.1.0-linux-x64-musl.tar.gz' } })
  })

  test('does not wait for an upload that has died', async () => {
    const github = await startGithub()
    const release = github.publish('v1.0.0', { assets: APP, publishedAt: ago(120 * MINUTE_MS) })
    const dead = github.attach(release, 'app-linux-x64.tar.gz', '', 'open')
    dead.updated_at = ago(90 * MINUTE_MS).toISOString()
    expect((await found(github)).release.name).toBe('app-linux-x64')
  })

  test('is offered again when something is added to it later, such as a signature', async () => {
    const github = await startGithub()
    const release = github.publish('v1.0.0', { assets: APP })
    const { known } = await found(github)
    expect(await check(github, { known })).toMatchObject({ kind: 'unchanged' })
    github.attach(release, 'app-linux-x64.minisig', 'signature')
    expect(await found(github, { known })).toMatchObject({
      release: { siblings: expect.arrayContaining(['app-linux-x64.minisig']) },
    })
  })
})

describe('polling', () => {
  test('asks once, with the ETag, and a 304 is unchanged', async () => {
    const github = await startGithub()
    github.publish('v1.0.0', { assets: APP })
    const { known } = await found(github)
    const calls = github.calls()
    expect(await check(github, { known })).toMatchObject({ kind: 'unchanged' })
    expect(github.calls() - calls).toBe(1)
    expect(github.asked.at(-1)).toMatchObject({ status: 304 })
  })

  test('is not fooled by a count of downloads', async () => {
    const github = await startGithub()
    const release = github.publish('v1.0.0', { assets: APP })
    const { known } = await found(github)
    release.assets[0]!.download_count++
    expect(await check(github, { known })).toMatchObject({ kind: 'unchanged' })
    expect(github.asked.at(-1)).toMatchObject({ status: 200 })
  })

  test('reads the further pages at first and then not again, and knows their highest', async () => {
    const github = await startGithub({ pageSize: 3 })
    github.publish('v3.0.0', { assets: APP })
    for (let patch = 0; patch < 8; patch++) github.publish(`v1.0.${patch}`, { assets: APP })
    const first = await found(github, { token: null })
    const calls = github.calls()
    github.publish('v1.0.9', { assets: APP })
    const second = await check(github, { token: null, known: first.known })
    expect(second).toMatchObject({ kind: 'unchanged' })
    expect(github.calls() - calls).toBe(1)
    github.publish('v3.0.1', { assets: APP })
    expect((await found(github, { token: null, known: first.known })).release.version).toBe('3.0.1')
    // Withdrawn, and on the first page by then.
    github.releases.splice(0, 9)
    github.releases.find(({ tag_name }) => tag_name === 'v3.0.0')!.draft = true
    expect((await found(github, { token: null, known: first.known })).release.version).toBe('1.0.0')
  })

  test('reads the further pages again after an hour, where something may have changed', async () => {
    const github = await startGithub({ pageSize: 3 })
    for (let patch = 0; patch < 8; patch++) github.publish(`v1.0.${patch}`, { assets: APP })
    const { known } = await found(github)
    // Of an old commit, so that it stands far behind.
    github.publish('v1.5.0', { assets: APP })
    github.releases.push(...github.releases.splice(0, 1))
    expect(await check(github, { known })).toMatchObject({ kind: 'unchanged' })
    expect(github.asked.at(-1)).toMatchObject({ status: 304 })
    const { deep } = known as { deep: object }
    const aged = { ...(known as object), deep: { ...deep, at: Date.now() - 61 * MINUTE_MS } }
    const later = await found(github, { known: aged })
    expect(later.release.version).toBe('1.5.0')
    expect(await check(github, { known: later.known })).toMatchObject({ kind: 'unchanged' })
    expect(github.asked.at(-1)).toMatchObject({ status: 304 })
  })

  test('reads them again at once when the highest of them is withdrawn, or the one above it', async () => {
    const github = await startGithub({ pageSize: 3 })
    github.publish('v3.0.0', { assets: APP })
    github.publish('v2.0.0', { assets: APP })
    for (let patch = 0; patch < 5; patch++) github.publish(`v1.0.${patch}`, { assets: APP })
    const first = await found(github)
    github.publish('v4.0.0', { assets: APP })
    const second = await found(github, { known: first.known })
    expect(second.release.version).toBe('4.0.0')
    github.releases.shift()
    expect((await found(github, { known: second.known })).release.version).toBe('3.0.0')
    const [highest] = github.releases.splice(6, 1)
    github.releases.unshift({ ...highest!, draft: true })
    expect((await found(github, { known: first.known })).release.version).toBe('2.0.0')
  })

  test('forgets what it knew of another API', async () => {
    const [one, two] = [await startGithub(), await startGithub()]
    one.publish('v1.0.0', { assets: APP })
    two.publish('v1.0.0', { assets: APP })
    const { known } = await found(one)
    expect(await check(two, { known })).toMatchObject({ kind: 'release' })
    expect(two.asked[0]!.headers['if-none-match']).toBeUndefined()
  })

  test.each([[null], ['text'], [{}], [{ kind: 'github' }], [{ kind: 'file', look: 1 }], [[]]])(
    'begins anew with what another version remembered: %j',
    async (known) => {
      const github = await startGithub()
      github.publish('v1.0.0', { assets: APP })
      expect(await check(github, { known })).toMatchObject({ kind: 'release' })
    },
  )
})

describe('the budget', () => {
  const waitOf = async (result: Promise<unknown>): Promise<number | null> =>
    waitMsOf(await result.catch((error: unknown) => error))

  test.each([
    ['403 with Retry-After', { status: 403, headers: { 'retry-after': '30' } }, 30_000],
    ['429 with Retry-After', { status: 429, headers: { 'retry-after': '7' } }, 7_000],
    ['429 without a word', { status: 429, message: 'Rate limit exceeded' }, MINUTE_MS],
    ['403 of the secondary limit', { status: 403, message: 'You have exceeded a secondary rate limit.' }, MINUTE_MS],
    ['Retry-After beyond all measure', { status: 429, headers: { 'retry-after': '999999999' } }, 3_600_000],
  ])('%s is obeyed', async (_, refusal, waitMs) => {
    const github = await startGithub()
    github.refuse(refusal)
    const failure = check(github)
    await expect(failure).rejects.toThrow(/allows no more of its .* until \d\d:\d\d UTC/)
    expect(await waitOf(failure)).toBe(waitMs)
  })

  test('that is spent is waited for until it is full again', async () => {
    const github = await startGithub()
    github.publish('v1.0.0', { assets: APP })
    github.setAnonymousLeft(0)
    const failure = check(github, { token: null })
    await expect(failure).rejects.toThrow(/60 calls an hour until .*; with a token in GH_TOKEN or --token-file/)
    expect(await waitOf(failure)).toBeGreaterThan(59 * MINUTE_MS)
  })

  test('without a token is never exceeded, whoever asks', async () => {
    const github = await startGithub()
    github.publish('v1.0.0', { assets: APP })
    const budgets = bookOf({}, () => undefined)
    const { known } = await found(github, { token: null, budgets })
    const { release } = await found(github, { token: null, budgets })
    const context = contextFor(github, { token: null, budgets })
    let refused = 0
    // Checks that know something and that know nothing, an explanation, downloads: all of one budget.
    const asks: (() => Promise<unknown>)[] = [
      () => check(github, { token: null, known, budgets }),
      () => check(github, { token: null, budgets }),
      () => githubFetcher.explain!(context),
      () => githubFetcher.companion!(context, release, 'app-linux-arm64'),
      () => githubFetcher.fetch(context, release, sinkThatReads()),
    ]
    for (let turn = 0; turn < 100; turn++) await asks[turn % asks.length]!().catch(() => void refused++)
    expect(refused).toBe(100 - 58)
    expect(github.calls()).toBe(60)
    expect(github.asked.every(({ status }) => [200, 302, 304].includes(status))).toBe(true)
  })

  test('that GitHub has closed for a while is not asked once more meanwhile, whoever asks', async () => {
    const github = await startGithub()
    github.publish('v1.0.0', { assets: APP })
    const budgets = bookOf({}, () => undefined)
    const { release } = await found(github, { budgets })
    github.refuse({ status: 403, headers: { 'retry-after': '60' } })
    await expect(check(github, { budgets })).rejects.toThrow(/until/)
    const calls = github.calls()
    const context = contextFor(github, { budgets })
    for (const ask of [
      () => check(github, { budgets }),
      () => githubFetcher.explain!(context),
      () => githubFetcher.fetch(context, release, sinkThatReads()),
    ]) {
      const failure = ask()
      await expect(failure).rejects.toThrow(/allows no more of its 5000 calls an hour until \d\d:\d\d UTC$/)
      expect(await waitOf(failure)).toBeGreaterThan(55_000)
    }
    expect(github.calls()).toBe(calls)
    // Another token has its own.
    await expect(check(github, { token: 'ghp_other', budgets })).rejects.toThrow(/does not accept the token/)
    expect(github.calls()).toBe(calls + 1)
  })

  const sinkThatReads = (): Sink => ({
    async artifact(open) {
      for await (const _ of (await open(0)).bytes);
    },
    tree: () => Promise.reject(new Error('not a tree')),
  })

  test('is spread over the hour once half of it is gone, and leaves enough for a download', async () => {
    const github = await startGithub()
    github.publish('v1.0.0', { assets: APP })
    const { known } = await found(github, { token: null })
    expect(await check(github, { token: null, known })).not.toHaveProperty('waitMs')
    github.setAnonymousLeft(26)
    const spread = await check(github, { token: null, known })
    expect(spread).toMatchObject({ waitMs: expect.any(Number) })
    const { waitMs } = spread as { waitMs: number }
    // 19 calls beside the six that are kept.
    expect(waitMs / MINUTE_MS).toBeCloseTo(60 / 19, 1)
    github.setAnonymousLeft(6)
    expect(((await check(github, { token: null, known })) as { waitMs: number }).waitMs).toBeGreaterThan(59 * MINUTE_MS)
  })

  test('a release under way does not spend it either', async () => {
    const github = await startGithub()
    github.publish('v1.0.0', { publishedAt: new Date() })
    github.setAnonymousLeft(20)
    expect(await check(github, { token: null })).toMatchObject({ kind: 'incomplete', waitMs: expect.any(Number) })
  })

  test('a 304 costs nothing with a token, so the interval is longer without one', async () => {
    expect(githubFetcher).toMatchObject({ intervalMs: 60_000, intervalWithoutTokenMs: 120_000 })
  })
})

test('a repository that has moved is followed, and that is said once', async () => {
  const github = await startGithub()
  github.publish('v1.0.0', { assets: APP })
  github.move('neworg/renamed')
  const context = contextFor(github)
  const first = await githubFetcher.check(context, null)
  expect(context.warnings).toEqual(['org/app has moved to neworg/renamed: write its new name in --fetch'])
  if (first.kind !== 'release') throw new Error(first.kind)
  expect((await fetched(context, first.release)).bytes.toString()).toBe('x64')
  await githubFetcher.check(context, first.known)
  expect(context.warnings).toHaveLength(1)
  expect(github.asked.at(-1)).toMatchObject({ status: 304 })
})

test('an API that sends elsewhere is not followed', async () => {
  const [github, other] = [await startGithub(), await startGithub()]
  other.publish('v1.0.0', { assets: APP })
  github.refuse({ status: 301, headers: { location: `${other.url}/repos/org/app/releases` } })
  await expect(check(github)).rejects.toThrow(/sends to http:\/\/127\.0\.0\.1:\d+, which is not followed/)
  expect(other.asked[0]?.headers.authorization).toBeUndefined()
})

test('tags that are no versions are mentioned once', async () => {
  const github = await startGithub()
  github.publish('v1.0.0', { assets: APP })
  github.publish('nightly', { assets: APP })
  const context = contextFor(github)
  const first = await githubFetcher.check(context, null)
  expect(context.warnings).toEqual(['releases of org/app whose tag is no version are ignored: nightly'])
  github.publish('v1.0.1', { assets: APP })
  await githubFetcher.check(context, (first as { known: unknown }).known)
  expect(context.warnings).toHaveLength(1)
})

describe('the download', () => {
  const text = 'a build of some length, so that it can be cut in the middle'

  test('comes through the API, and the token stays there', async () => {
    const github = await startGithub({ isPrivate: true })
    github.publish('v1.0.0', { assets: { app: text, SHA256SUMS: 'sums' } })
    const { release } = await found(github)
    const context = contextFor(github)
    expect((await fetched(context, release)).bytes.toString()).toBe(text)
    expect(await githubFetcher.companion!(context, release, 'SHA256SUMS')).toBe('sums')
    for (const name of ['nothing', 'constructor', '__proto__']) {
      expect(await githubFetcher.companion!(context, release, name)).toBeNull()
    }
    const tokens = (host: string) =>
      github.asked.filter((each) => each.host === host).map(({ headers }) => headers.authorization)
    expect(new Set(tokens('api'))).toEqual(new Set([`Bearer ${github.token}`]))
    expect(tokens('assets')).toEqual([undefined, undefined])
  })

  test('goes on where it was cut', async () => {
    const github = await startGithub()
    github.publish('v1.0.0', { assets: { app: text } })
    const { release } = await found(github)
    github.cutDownloads(20)
    const { bytes, from } = await fetched(contextFor(github), release)
    expect(bytes.toString()).toBe(text)
    expect(from).toEqual([0, 20, 40])
  })

  test('is known by its digest, or else by what changes when it is replaced', async () => {
    const github = await startGithub()
    const { assets } = github.publish('v1.0.0', { assets: { app: text } })
    const identityOf = ({ detail }: Release) => (detail as { identity: string }).identity
    expect(identityOf((await found(github)).release)).toBe(assets[0]!.digest!.replace(':', '-'))
    assets[0]!.digest = null
    expect(identityOf((await found(github)).release)).toBe(`${assets[0]!.id}-${text.length}-${assets[0]!.updated_at}`)
  })

  test('of an asset that was replaced meanwhile is not whole yet, not an error', async () => {
    const github = await startGithub()
    const published = github.publish('v1.0.0', { assets: { app: text } })
    const { release } = await found(github)
    published.assets.length = 0
    await expect(githubFetcher.fetch(contextFor(github), release, sinkThatAsks(0))).rejects.toMatchObject({
      message: expect.stringContaining('was replaced while it was fetched'),
      data: { incomplete: true },
    })
  })

  test('begins anew when nothing is left to come', async () => {
    const github = await startGithub()
    github.publish('v1.0.0', { assets: { app: text } })
    const { release } = await found(github)
    const sink = sinkThatAsks(text.length)
    await githubFetcher.fetch(contextFor(github), release, sink)
    expect(sink.from).toBe(0)
  })

  test('of another part than was asked for begins anew', async () => {
    const github = await startGithub()
    github.publish('v1.0.0', { assets: { app: text } })
    const { release } = await found(github)
    const context = contextFor(github)
    const stream: typeof context.http.stream = async (url, options) => {
      const answer = await context.http.stream(url, options)
      return answer.status === 206 ? { ...answer, headers: { 'content-range': 'bytes 7-59/60' } } : answer
    }
    const sink = sinkThatAsks(20)
    await githubFetcher.fetch({ ...context, http: { ...context.http, stream } }, release, sink)
    expect(sink.from).toBe(0)
  })

  test('that GitHub limits says when it may go on', async () => {
    const github = await startGithub()
    github.publish('v1.0.0', { assets: { app: text } })
    const { release } = await found(github)
    github.refuse({ status: 403, headers: { 'retry-after': '9' } })
    const failure = githubFetcher.fetch(contextFor(github), release, sinkThatAsks(0)).catch((error: unknown) => error)
    expect(waitMsOf(await failure)).toBe(9_000)
  })

  function sinkThatAsks(offset: number) {
    const sink = {
      from: -1,
      async artifact(open: (from: number) => Promise<{ from: number; bytes: AsyncIterable<Uint8Array> }>) {
        const piece = await open(offset)
        sink.from = piece.from
        for await (const _ of piece.bytes);
      },
      tree: () => Promise.reject(new Error('not a tree')),
    }
    return sink
  }
})

describe('GITHUB_API_URL', () => {
  test.each([
    ['ftp://host', /no address of an API/],
    ['nonsense', /no address of an API/],
    ['https://user:secret@host', /^(?!.*secret).*no address of an API/],
    ['http://github.example', /anybody could read the token/],
  ])('%s is refused', async (url, message) => {
    const github = await startGithub()
    await expect(githubFetcher.check(contextFor({ ...github, url }), null)).rejects.toThrow(message)
  })

  test('may have a path and a slash at its end, as on GHES', async () => {
    const github = await startGithub()
    const failure = githubFetcher.check(contextFor({ ...github, url: `${github.url}/api/v3/` }), null)
    await expect(failure).rejects.toThrow(/there is no repository/)
    expect(github.asked[0]!.path).toBe('/api/v3/repos/org/app/releases?per_page=30')
  })
})

describe('a real release', () => {
  test.for<[string, string | RegExp | null]>([
    ['age', 'age-v1.2.1-linux-amd64.tar.gz'],
    ['fd', 'fd-v10.3.0-x86_64-unknown-linux-gnu.tar.gz'],
    ['fzf', /^fzf-.*-linux_amd64\.tar\.gz$/],
    ['gh', 'gh_2.63.0_linux_amd64.tar.gz'],
    ['sops', /^sops-v.*\.linux\.amd64$/],
    ['zoxide', /^zoxide-.*-x86_64-unknown-linux-/],
    // Its archives are elsewhere; what is attached are signatures.
    ['helm', null],
  ])('of %s', async ([project, name], { skip }) => {
    const real = sharedData(`releases/${project}.json`, skip) as ApiRelease
    const [, repository = ''] = /repos\/([^/]+\/[^/]+)\//.exec(real.url) ?? []
    const github = await startGithub({ name: repository })
    github.releases.push(real)
    const result = await check(github, { location: repository })
    if (name === null) return expect(result.kind).toBe('nothing-for-this-platform')
    expect(result).toMatchObject({ kind: 'release', release: { version: real.tag_name.replace(/^v/, '') } })
    const { release } = result as Found
    expect(release.name).toMatch(name)
    expect(release.siblings).toHaveLength(real.assets.length - 1)
  })
})
