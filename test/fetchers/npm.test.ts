import { existsSync } from 'node:fs'
import { lstat, readFile, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { NpmKnown } from '../../fetchers/npm/check.ts'
import { npmFetcher } from '../../fetchers/npm.ts'
import type { Check, FetchContext, Release } from '../../src/core/source.ts'
import { lazyHttpClient } from '../../src/runtime/stager/lazy-http.ts'
import type { StageJob, StageVerdict } from '../../src/runtime/stager/stage-protocol.ts'
import { readBuildFile, treeFolder } from '../../src/store/build-file.ts'
import { findEntry } from '../../src/store/entry.ts'
import { finishStaging } from '../../src/store/seal.ts'
import { type NpmRegistry, type PublishedPackage, startNpmRegistry } from '../support/npm-registry.ts'
import { needs } from '../support/requirements.ts'
import { jobFor, runJob, temporaryFolder, temporaryStore } from '../support/stores.ts'

// npm takes a second for each command, and more on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

let registry: NpmRegistry
let warnings: string[]

const SERVER = '#!/usr/bin/env node\nconsole.log("hello")\n'

beforeEach(async () => {
  registry = await startNpmRegistry()
  warnings = []
  configure(registry.npmrc)
})

/** Nothing of this machine's npm. */
function configure(npmrc: string): void {
  const before = { ...process.env }
  for (const name of Object.keys(process.env)) if (/^npm_config_/i.test(name)) delete process.env[name]
  process.env.npm_config_userconfig = npmrc
  process.env.npm_config_globalconfig = `${npmrc}-none`
  onTestFinished(() => {
    delete process.env.npm_config_userconfig
    delete process.env.npm_config_globalconfig
    Object.assign(process.env, before)
  })
}

function app(version: string, more: Partial<PublishedPackage> = {}): PublishedPackage {
  return {
    name: 'app',
    version,
    files: { 'server.js': SERVER },
    ...more,
    manifest: { bin: { app: 'server.js' }, ...more.manifest },
  }
}

async function contextFor(location: string, more: Partial<FetchContext> = {}): Promise<FetchContext> {
  const signal = more.signal ?? new AbortController().signal
  return {
    location,
    platform: { os: 'linux', arch: 'x64', libc: 'glibc' },
    http: lazyHttpClient({ signal, allowPlain: false }),
    token: null,
    scratch: join(await temporaryFolder(), 'scratch'),
    signal,
    warn: (message) => warnings.push(message),
    ...more,
  }
}

async function check(location: string, known: unknown = null, more: Partial<FetchContext> = {}): Promise<Check> {
  return npmFetcher.check(await contextFor(location, more), known)
}

async function released(
  location: string,
  known: unknown = null,
  more: Partial<FetchContext> = {},
): Promise<{ release: Release; known: NpmKnown }> {
  const result = await check(location, known, more)
  if (result.kind !== 'release') throw new Error(JSON.stringify(result))
  return { release: result.release, known: result.known as NpmKnown }
}

async function stage(location: string, more: Partial<StageJob> = {}): Promise<StageVerdict> {
  return runJob(jobFor(await temporaryStore(), `npm:${location}`, more))
}

const suite = needs('npm')

suite.describe('the version', () => {
  beforeEach(async () => {
    for (const version of ['1.0.0', '1.4.0', '2.0.0']) await registry.publish(app(version))
    await registry.publish(app('2.1.0-beta.1', { tag: 'next' }))
    // A backport, published later.
    await registry.publish(app('1.4.2', { tag: null }))
  })

  test.each([
    ['app', '2.0.0'],
    ['app@^1', '1.4.2'],
    ['app@1.4.0', '1.4.0'],
    ['app@next', '2.1.0-beta.1'],
  ])('of %s is %s', async (location, version) => {
    const { release } = await released(location)
    expect(release).toMatchObject({ version, name: `app@${version}`, ordered: true, isTree: true, digest: null })
    expect(release.publishedAt).toBe('2026-01-01T00:00:00.000Z')
  })

  test('is not a deprecated one as long as there is another', async () => {
    await registry.publish(app('1.5.0', { tag: null, announced: { deprecated: 'it eats files' } }))
    expect((await released('app@^1')).release.version).toBe('1.4.2')
    await released('app@1.5.0')
    expect(warnings).toEqual(['app@1.5.0 is deprecated: it eats files'])
  })

  test.each([
    ['app@^9', /^no version of app satisfies \^9; the newest are 2\.1\.0-beta\.1, 2\.0\.0, 1\.4\.2/],
    ['app@9.9.9', /^app has no version 9\.9\.9; the newest are 2\.1\.0-beta\.1/],
    ['app@beta', /^app has no tag 'beta'; its tags are latest, next: write one of them, or a range$/],
    [
      'nothing',
      /^there is no npm package nothing in 127\.0\.0\.1:\d+: check the name, or, where it is private, give a token with --token-file$/,
    ],
    ['app@^^1', /^'\^\^1' is neither a range of versions nor a tag: write npm:app@\^1\.2 or @next$/],
  ])('of %s: what there is instead is said', async (location, message) => {
    await expect(check(location)).rejects.toThrow(message)
  })
})

suite.describe('a check', () => {
  test('that finds nothing new is one conditional request, and starts no npm', async () => {
    await registry.publish(app('1.0.0'))
    const { known } = await released('app@^1')
    registry.asked.length = 0
    expect(await check('app@^1', known, { scratch: '/proc/nowhere' })).toEqual({ kind: 'unchanged', known })
    expect(registry.asked).toEqual(['GET /app'])
  })

  test('for another version than the one that is known finds it', async () => {
    await registry.publish(app('1.0.0'))
    const { known } = await released('app@^1')
    await registry.publish(app('2.0.0'))
    // Another answer with the same version in it.
    const unchanged = await check('app@^1', known)
    expect(unchanged).toMatchObject({ kind: 'unchanged' })
    await registry.publish(app('1.0.1', { tag: null }))
    expect((await released('app@^1', (unchanged as { known: unknown }).known)).release.version).toBe('1.0.1')
  })

  test('asks npm again for its registry when .npmrc has changed', async () => {
    await registry.publish(app('1.0.0'))
    const { known } = await released('app')
    const other = await startNpmRegistry()
    await other.publish(app('3.0.0'))
    await writeFile(registry.npmrc, `registry=${other.url}\n`)
    expect((await released('app', known)).release.version).toBe('3.0.0')
  })

  test('of a scope goes to the registry of that scope', async () => {
    const scoped = await startNpmRegistry()
    await scoped.publish({ ...app('1.0.0'), name: '@team/app' })
    await writeFile(registry.npmrc, `registry=${registry.url}\n@team:registry=${scoped.url}\n`)
    expect((await released('@team/app@^1')).release).toMatchObject({
      version: '1.0.0',
      entries: ['node_modules/.bin/app'],
    })
    expect(registry.asked).toEqual([])
  })

  test.each(['app@1.2.0', 'app@^1.1'])(
    'for %s takes no other version that the registry answers with',
    async (asked) => {
      await registry.publish(app('1.0.0'))
      await registry.publish(app('1.2.0', { announced: { version: '1.0.0' } }))
      await expect(check(asked)).rejects.toThrow('the registry answers with another version where 1.2.0 is asked for')
    },
  )

  test('of a version whose bytes are announced anew takes nothing', async () => {
    await registry.publish(app('1.0.0'))
    const { known } = await released('app')
    await registry.publish(app('1.0.0', { files: { 'server.js': `${SERVER}// other\n` } }))
    const answer = await check('app', known)
    expect(answer).toMatchObject({
      kind: 'nothing-for-this-platform',
      message: expect.stringContaining('now announces other bytes for app@1.0.0 than before'),
    })
  })

  test('of a registry that does not answer says so', async () => {
    await registry.stop()
    await expect(check('app')).rejects.toThrow(/^127\.0\.0\.1:\d+ refuses connections: check that it runs/)
  })
})

suite.describe('a private package', () => {
  beforeEach(async () => {
    await registry.publish(app('1.0.0'))
    registry.requireToken('right-token')
  })

  test('without a token is not shown, and the ways to give one are named', async () => {
    await expect(check('app')).rejects.toThrow(
      /^127\.0\.0\.1:\d+ does not show app without a token: give one with --token-file or NPM_TOKEN, or in \.npmrc$/,
    )
  })

  test('with a wrong token says that, and never the token', async () => {
    const failed = check('app', null, { token: 'wrong-token' })
    await expect(failed).rejects.toThrow(/does not let the given token read app: check whether it has expired/)
    await expect(failed).rejects.not.toThrow(/wrong-token/)
  })

  test('is staged with the token that was given', async () => {
    const verdict = await stage('app', { token: 'right-token' })
    expect(verdict).toMatchObject({ type: 'staged', build: { version: '1.0.0' } })
    expect(JSON.stringify(verdict)).not.toContain('right-token')
    expect([...registry.tokens]).toEqual(['right-token'])
  })

  test('is staged with what .npmrc says, by way of npm', async () => {
    const key = registry.url.replace('http:', '')
    await writeFile(registry.npmrc, `registry=${registry.url}\n${key}:_authToken=right-token\n`)
    const { known } = await released('app@^1')
    expect(known.byNpmUntil).toBeGreaterThan(Date.now())
    expect(await check('app@^1', known)).toEqual({ kind: 'unchanged', known })
    expect(await stage('app')).toMatchObject({ type: 'staged' })
  })

  test('is asked without npm again after an hour, for what turned that away may be over', async () => {
    await writeFile(
      registry.npmrc,
      `registry=${registry.url}\n${registry.url.replace('http:', '')}:_authToken=right-token\n`,
    )
    const { known } = await released('app@^1')
    const byNow = (byNpmUntil: number) => check('app@^1', { ...known, byNpmUntil }, { token: 'right-token' })
    expect(await byNow(Date.now() + 60_000)).toMatchObject({ known: { validators: null } })
    for (const until of [Date.now() - 1, Date.now() + 86_400_000]) {
      expect(await byNow(until)).toMatchObject({ kind: 'unchanged', known: { byNpmUntil: null, validators: {} } })
    }
  })
})

suite.describe('the build', () => {
  test('holds the package, what it needs and a lock; its command is found by name and without', async () => {
    await registry.publish({ name: 'dep', version: '1.2.3', files: { 'index.js': '' } })
    await registry.publish(
      app('1.0.0', { manifest: { dependencies: { dep: '^1' }, devDependencies: { nothing: '1' } } }),
    )
    const store = await temporaryStore()
    const verdict = await runJob(jobFor(store, 'npm:app'))
    if (verdict.type !== 'staged') throw new Error(JSON.stringify(verdict))
    const { id, proofs } = await finishStaging(store, verdict.directory!)
    const tree = treeFolder(store, id)
    expect(proofs).toEqual(['npm-integrity'])
    expect(JSON.parse(await readFile(join(tree, 'package.json'), 'utf8')).dependencies).toEqual({ app: '1.0.0' })
    expect(await readlink(join(tree, 'node_modules/.bin/app'))).toBe('../app/server.js')
    expect((await lstat(join(tree, 'node_modules/app/server.js'))).mode & 0o777).toBe(0o555)
    expect(existsSync(join(tree, 'node_modules/dep/index.js'))).toBe(true)
    const lock = await readFile(join(tree, 'package-lock.json'), 'utf8')
    expect(lock).not.toContain('127.0.0.1')
    expect(existsSync(join(tree, 'node_modules/.package-lock.json'))).toBe(false)
    const executables = readBuildFile(store, id)!.executables
    const question = { tree, executables, project: 'service', searchPath: '/usr/bin' }
    const path = join(tree, 'node_modules/.bin/app')
    expect(findEntry({ ...question, command: [] })).toEqual({ kind: 'found', path })
    expect(findEntry({ ...question, command: ['app'] })).toEqual({ kind: 'found', path })
  })

  test('is the same one however often and wherever it is installed', async () => {
    await registry.publish({ name: 'dep', version: '1.2.3', files: { 'index.js': '' } })
    await registry.publish(app('1.0.0', { manifest: { dependencies: { dep: '^1' } } }))
    const first = await stage('app')
    // Said of it later, and no part of it.
    const announced = { deprecated: 'use another', license: 'MIT' }
    await registry.publish({ name: 'dep', version: '1.2.3', files: { 'index.js': '' }, announced })
    const second = await stage('app@1.0.0')
    expect(first).toMatchObject({ type: 'staged', build: { id: expect.stringMatching(/^sha256-/) } })
    expect((second as { build: unknown }).build).toMatchObject({ id: (first as { build: { id: string } }).build.id })
  })

  test('of several commands runs the one that is called like the package', async () => {
    const bin = { app: 'server.js', 'app-admin': 'server.js' }
    await registry.publish(app('1.0.0', { manifest: { bin } }))
    expect((await released('app')).release.entries).toEqual(['node_modules/.bin/app'])
    await registry.publish(app('2.0.0', { manifest: { bin: { serve: 'server.js', admin: 'server.js' } } }))
    expect((await released('app')).release.entries).toEqual(['node_modules/.bin/admin', 'node_modules/.bin/serve'])
  })

  test('whose command nothing here can run is refused', async () => {
    await registry.publish(app('1.0.0', { files: { 'server.js': 'no program' } }))
    expect(await stage('app')).toMatchObject({
      type: 'refused',
      reason: "'node_modules/app/server.js' is text without a #! line",
    })
  })
})

suite.describe('what is not installed', () => {
  test('a package with an install script, by its name', async () => {
    await registry.publish(app('1.0.0', { manifest: { scripts: { postinstall: 'touch /tmp/pwned' } } }))
    expect(await stage('app')).toMatchObject({
      type: 'refused',
      reason: expect.stringMatching(/^app@1\.0\.0 needs install scripts \(it has a native addon or builds itself\)/),
    })
    expect(registry.asked.filter((each) => each.endsWith('.tgz'))).toEqual([])
  })

  test('a dependency with an install script, by its name', async () => {
    await registry.publish({ name: 'native', version: '0.1.0', manifest: { scripts: { install: 'node-gyp rebuild' } } })
    await registry.publish(app('1.0.0', { manifest: { dependencies: { native: '*' } } }))
    expect(await stage('app')).toMatchObject({
      type: 'refused',
      reason: expect.stringContaining('app@1.0.0 needs native@0.1.0, which needs install scripts'),
    })
  })

  test.each([
    ['a script', { manifest: { scripts: { preinstall: 'true' } }, announced: { scripts: {} } }],
    ['a binding.gyp', { files: { 'server.js': SERVER, 'binding.gyp': '{}' } }],
  ])('a package of which only the tarball shows %s', async (_, more) => {
    await registry.publish(app('1.0.0', more))
    expect(await stage('app')).toMatchObject({
      type: 'refused',
      reason: expect.stringContaining('app@1.0.0 needs install scripts'),
    })
  })

  test('an optional addon for another system does not count', async () => {
    const manifest = { os: ['darwin'], scripts: { install: 'node-gyp rebuild' } }
    await registry.publish({ name: 'watcher', version: '1.0.0', manifest })
    await registry.publish(app('1.0.0', { manifest: { optionalDependencies: { watcher: '1' } } }))
    expect(await stage('app')).toMatchObject({ type: 'staged' })
  })

  test.each([
    ['git', 'git+https://127.0.0.1:1/x.git', /needs something from git \(.*\): only packages of a registry are taken/],
    ['a folder', 'file:../../../etc', /app@1\.0\.0 needs dep.*which does not come from the registry/],
  ])('a dependency from %s', async (_, dep, message) => {
    await registry.publish(app('1.0.0', { manifest: { dependencies: { dep } } }))
    const verdict = await stage('app')
    expect(
      (verdict as { reason?: string; message?: string }).reason ?? (verdict as { message: string }).message,
    ).toMatch(message)
  })

  test('a dependency from an address outside of the registry', async () => {
    const other = await startNpmRegistry()
    await other.publish({ name: 'dep', version: '1.0.0' })
    const dep = `${other.url}dep/-/dep-1.0.0.tgz`
    await registry.publish(app('1.0.0', { manifest: { dependencies: { dep } } }))
    expect(await stage('app')).toMatchObject({
      type: 'refused',
      reason: expect.stringMatching(/app@1\.0\.0 needs dep@1\.0\.0, which does not come from the registry/),
    })
  })

  test('a package that the registry gives no integrity of', async () => {
    await registry.publish(app('1.0.0', { integrity: 'none' }))
    expect(await stage('app')).toMatchObject({
      type: 'refused',
      reason:
        'the registry gives no sha512 of app@1.0.0, so nothing vouches for its bytes: publish it anew with a current npm',
    })
  })

  test('a tampered tarball, of the package or of a dependency', async () => {
    await registry.publish(app('1.0.0'))
    registry.tamper('app', '1.0.0')
    expect(await stage('app')).toMatchObject({
      type: 'refused',
      reason: expect.stringMatching(/^the bytes of app@1\.0\.0 are not those that 127\.0\.0\.1:\d+ announced: sha512-/),
    })
    await registry.publish({ name: 'dep', version: '1.0.0', files: { 'index.js': '' } })
    await registry.publish(app('2.0.0', { manifest: { dependencies: { dep: '1' } } }))
    registry.tamper('dep', '1.0.0')
    expect(await stage('app')).toMatchObject({ type: 'refused', version: '2.0.0' })
  })
})

suite.describe('registry signatures', () => {
  beforeEach(() => registry.signs(true))

  test('of the package and all that it needs are proof', async () => {
    await registry.publish({ name: 'dep', version: '1.0.0' })
    await registry.publish(app('1.0.0', { manifest: { dependencies: { dep: '1' } } }))
    expect((await released('app')).release.proofs).toEqual(['npm-signature', 'npm-integrity'])
  })

  test('that are missing leave only the integrity', async () => {
    await registry.publish(app('1.0.0', { signature: 'none' }))
    expect((await released('app')).release.proofs).toEqual(['npm-integrity'])
  })

  test('that only a dependency lacks leave only the integrity, and that is told', async () => {
    await registry.publish({ name: 'dep', version: '1.0.0', signature: 'none' })
    await registry.publish(app('1.0.0', { manifest: { dependencies: { dep: '1' } } }))
    expect((await released('app')).release.proofs).toEqual(['npm-integrity'])
    expect(warnings).toEqual(['app@1.0.0 is signed by its registry, but not all that it needs: dep@1.0.0'])
  })

  test('missing after a release that had one: the release is refused', async () => {
    await registry.publish(app('1.0.0', { signature: 'none' }))
    expect(await stage('app', { ratchet: 'npm-signature' })).toMatchObject({
      type: 'refused',
      reason: expect.stringContaining('only npm-integrity, and builds of this service were by npm-signature'),
    })
  })

  test.each(['of another', 'by another key'] as const)('%s are refused', async (signature) => {
    await registry.publish(app('1.0.0', { signature }))
    expect(await stage('app')).toMatchObject({
      type: 'refused',
      reason: expect.stringContaining("the registry's signature of app@1.0.0 does not fit its bytes"),
    })
    await registry.publish({ name: 'dep', version: '1.0.0', signature })
    await registry.publish(app('2.0.0', { manifest: { dependencies: { dep: '1' } } }))
    expect(await stage('app')).toMatchObject({
      type: 'refused',
      reason: expect.stringContaining("the registry's signature of dep@1.0.0 does not fit its bytes"),
    })
    expect(registry.asked.filter((each) => each.endsWith('.tgz'))).toEqual([])
  })

  test('by a key that had expired before the version was published are refused, later ones are not', async () => {
    registry.expireKey('2026-02-01T00:00:00.000Z')
    await registry.publish(app('1.0.0', { publishedAt: '2026-03-01T00:00:00.000Z' }))
    expect(await check('app')).toMatchObject({
      kind: 'nothing-for-this-platform',
      message: expect.stringContaining('had expired when it was published'),
    })
    await registry.publish(app('1.0.1', { publishedAt: '2026-01-15T00:00:00.000Z' }))
    expect((await released('app')).release.proofs).toContain('npm-signature')
  })

  test('by a key that had expired before a dependency was published are refused', async () => {
    registry.expireKey('2026-02-01T00:00:00.000Z')
    const late = '2026-03-01T00:00:00.000Z'
    await registry.publish({ name: 'dep', version: '1.0.0', publishedAt: late })
    await registry.publish(app('1.0.0', { manifest: { dependencies: { dep: '1' } } }))
    expect(await check('app')).toMatchObject({
      kind: 'nothing-for-this-platform',
      message: expect.stringMatching(/signature of dep@1\.0\.0 is by a key that had expired when it was published/),
    })
    await registry.publish({ name: 'dep', version: '1.0.1', publishedAt: '2026-01-15T00:00:00.000Z' })
    await registry.publish(app('1.0.1', { manifest: { dependencies: { dep: '1.0.1' } } }))
    expect((await released('app')).release.proofs).toContain('npm-signature')
  })

  test('by an expired key are no proof where nobody says when that was', async () => {
    registry.expireKey('2026-02-01T00:00:00.000Z')
    await registry.publish({ name: 'dep', version: '1.0.0', publishedAt: '' })
    await registry.publish(app('1.0.0', { manifest: { dependencies: { dep: '1' } } }))
    expect((await released('app')).release.proofs).toEqual(['npm-integrity'])
    expect(warnings).toEqual(['app@1.0.0 is signed by its registry, but not all that it needs: dep@1.0.0'])
  })

  test('by a key whose end cannot be read are refused', async () => {
    registry.expireKey('next year')
    await registry.publish(app('1.0.0'))
    expect(await check('app')).toMatchObject({ message: expect.stringContaining('had expired when it was published') })
  })
})

suite.test('an install that is given up ends at once, npm with it', async () => {
  await registry.publish(app('1.0.0'))
  const given = new AbortController()
  const context = await contextFor('app', { signal: given.signal })
  const checking = npmFetcher.check(context, null)
  given.abort()
  await expect(checking).rejects.toThrow(/given up/)
})

describe('without npm', () => {
  test('says that it is needed', async () => {
    const { PATH } = process.env
    process.env.PATH = '/nonexistent'
    onTestFinished(() => {
      process.env.PATH = PATH
    })
    await expect(check('app')).rejects.toThrow('there is no npm in PATH, which npm: sources need: install it')
  })
})
