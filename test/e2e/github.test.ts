import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ask } from '../support/ask.ts'
import { type Artifact, archive, nodeServer } from '../support/builds.ts'
import { daemon } from '../support/daemon.ts'
import { type Github, type GithubOptions, startGithub } from '../support/github-server.ts'
import { startLoad, summary } from '../support/load.ts'
import { autoup, type Master, said, startMaster, temporaryDirectory } from '../support/master.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/until.ts'

const QUICK = ['--interval', '500ms', '--probation', '300ms', '--ready-timeout', '5s', '--drain-timeout', '10s']
const TOKEN = 'ghp_e2eSecretToken1234567890'
const ARTIFACT = `app-linux-${process.arch}.tar.gz`

function bytesOf(artifact: Artifact): Buffer {
  const path = join(temporaryDirectory(), 'artifact')
  artifact(path)
  return readFileSync(path)
}

/** As a release of GitHub: a build for this machine and for others, and checksums. */
function assetsOf(version: string, first = ''): Record<string, Buffer | string> {
  return {
    [ARTIFACT]: bytesOf(archive(nodeServer({ version, first }))),
    'app-windows-x64.zip': 'not for this machine',
    'app-darwin-arm64.tar.gz': 'nor this',
  }
}

interface Running {
  readonly github: Github
  readonly master: Master
  readonly port: number
}

async function follow(
  github: Github,
  {
    spec = 'github:org/app',
    env = {},
    args = [],
  }: { spec?: string; env?: Record<string, string>; args?: string[] } = {},
): Promise<Running> {
  const port = await freePort()
  const master = await startMaster({
    args: [...QUICK, '--fetch', spec, '--listen', `127.0.0.1:${port}`, ...args],
    env: { GITHUB_API_URL: github.url, ...env },
  })
  return { github, master, port }
}

async function startWithToken(options: GithubOptions = {}): Promise<Running> {
  const github = await startGithub({ token: TOKEN, ...options })
  github.publish('v1.0.0', { assets: assetsOf('1') })
  const running = await follow(github, { env: { GH_TOKEN: TOKEN } })
  await running.master.next('build-committed')
  return running
}

test('what the page says on publishing is a release that what it says on starting serves', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/github.md'), 'utf8')
  const [, publishing = ''] = /```sh\n([^`]*gh release create[^`]*)```/.exec(page) ?? []
  const [, starting = ''] = /^ {4}autoup start (--fetch .*)$/m.exec(page) ?? []
  const port = await freePort()
  const [project, bin] = [temporaryDirectory(), temporaryDirectory()]
  writeFileSync(join(project, 'server.js'), `require('./answer.js').listen(${port})\n`)
  writeFileSync(
    join(project, 'answer.js'),
    'module.exports = require(\'node:http\').createServer((_, response) => response.end(\'{"version":"page"}\'))\n',
  )
  const about = { name: 'app', version: '1.2.3' }
  writeFileSync(join(project, 'package.json'), JSON.stringify(about))
  writeFileSync(
    join(project, 'package-lock.json'),
    JSON.stringify({ ...about, lockfileVersion: 3, packages: { '': about } }),
  )
  writeFileSync(join(bin, 'gh'), `#!/bin/sh\nprintf '%s\\n' "$@" > '${bin}/asked'\n`, { mode: 0o755 })
  const script = publishing.replaceAll('/tmp/', `${bin}/`)
  execFileSync('bash', ['-euc', script], { cwd: project, env: { ...process.env, PATH: `${bin}:${process.env.PATH}` } })
  const [release, create, tag = '', file = ''] = readFileSync(join(bin, 'asked'), 'utf8').split('\n')
  expect([release, create]).toEqual(['release', 'create'])

  const github = await startGithub()
  github.publish(tag, { assets: { [basename(file)]: readFileSync(file) } })
  const app = daemon({ env: { GITHUB_API_URL: github.url } })
  const words = starting.replace('3000', `127.0.0.1:${port}`).split(' ')
  expect(await app.start(...words)).toMatchObject({ code: 0, stderr: expect.stringContaining('app is ready') })
  expect(await ask(port)).toMatchObject({ version: 'page' })
})

test('github:org/app starts v1, and v2 is live within one interval, with no failed request under load', async () => {
  const { github, master, port } = await startWithToken()
  expect(await ask(port)).toMatchObject({ version: '1' })
  const load = await startLoad({ target: port, rate: 300 })
  const since = master.mark()
  const asked = github.asked.length
  github.publish('v2.0.0', { assets: assetsOf('2') })
  await load.waitFor(({ versions }) => versions['2'] !== undefined, 'answer of version 2')
  await master.next('build-committed', { since })
  const report = await load.stop()
  expect(report.failed, summary(report)).toBe(0)
  // The next check has found it: nobody asked again before it was downloaded.
  const later = github.asked.slice(asked)
  const before = later.slice(
    0,
    later.findIndex(({ host }) => host === 'assets'),
  )
  expect(before.filter(({ path }) => path.includes('/releases?'))).toHaveLength(1)
  expect(await master.status()).toMatchObject({ current: { version: '2.0.0' }, previous: { version: '1.0.0' } })
})

test('a backport that is published later, a draft and a prerelease change nothing', async () => {
  const { github, master } = await startWithToken()
  const since = master.mark()
  github.publish('v0.9.9', { assets: assetsOf('backport') })
  github.publish('v3.0.0', { assets: assetsOf('draft'), draft: true })
  github.publish('v2.0.0-rc.1', { assets: assetsOf('rc'), prerelease: true })
  const calls = github.calls()
  await until('three checks', () => github.calls() > calls + 3)
  github.publish('v1.0.1', { assets: assetsOf('1.0.1') })
  const committed = await master.next('build-committed', { since })
  expect(committed.version).toBe('1.0.1')
  expect(said(master)).not.toMatch(/backport|3\.0\.0|rc\.1/)
})

test('a prerelease that is the highest version is live for who asks for prereleases, and then the release itself', async () => {
  const github = await startGithub({ token: TOKEN })
  const env = { GITHUB_API_URL: github.url, GH_TOKEN: TOKEN }
  github.publish('v1.0.0', { assets: assetsOf('1') })
  github.publish('v2.0.0-rc.1', { assets: assetsOf('rc'), prerelease: true })
  for (const [spec, version] of [
    ['github:org/app', '1.0.0'],
    ['github:org/app@^1', '1.0.0'],
    ['github:org/app?prerelease=1', '2.0.0-rc.1'],
  ] as const) {
    const staged = await autoup(['stage', '--fetch', spec, '--state-dir', temporaryDirectory()], { env })
    expect(staged.stdout + staged.stderr, spec).toContain(`${version} is staged`)
  }
  const { master, port } = await follow(github, { spec: 'github:org/app@next', env })
  expect(await master.next('build-committed')).toMatchObject({ version: '2.0.0-rc.1' })
  const since = master.mark()
  github.publish('v2.0.0', { assets: assetsOf('2') })
  expect(await master.next('build-committed', { since })).toMatchObject({ version: '2.0.0' })
  expect(await ask(port)).toMatchObject({ version: '2' })
})

test('a release whose assets arrive one by one is taken when it is whole, and asked for meanwhile', async () => {
  const { github, master, port } = await startWithToken()
  const since = master.mark()
  const release = github.publish('v2.0.0', { publishedAt: new Date() })
  const incomplete = await master.next('check-finished', { since })
  expect(incomplete).toMatchObject({ result: 'incomplete', message: expect.stringContaining('2.0.0 of org/app') })
  const asset = github.attach(release, ARTIFACT, assetsOf('2')[ARTIFACT]!, 'open')
  await master.waitFor(
    (event) => event.type === 'check-finished' && /on its way/.test(event.message),
    'word of the upload',
    { since },
  )
  expect(await ask(port)).toMatchObject({ version: '1' })
  asset.state = 'uploaded'
  await master.next('build-committed', { since })
  expect(await ask(port)).toMatchObject({ version: '2' })
})

test('bytes that are not those of the digest are refused for good, and the old build serves on', async () => {
  const { github, master, port } = await startWithToken()
  const since = master.mark()
  const release = github.publish('v2.0.0', { publishedAt: new Date() })
  const good = Buffer.from(assetsOf('2')[ARTIFACT]!)
  const asset = github.attach(release, ARTIFACT, good, 'open')
  good[good.length >> 1]! ^= 1
  github.replaceBytes(asset, good)
  asset.state = 'uploaded'
  const refused = await master.next('build-refused', { since })
  expect(refused.reason).toMatch(
    /has the sha256 [0-9a-f]{64}, and the source says [0-9a-f]{64}: it was damaged or replaced/,
  )
  expect(await ask(port)).toMatchObject({ version: '1' })
})

test('a master that is started again knows what it has: a 304, and no second download', async () => {
  const { github, master, port } = await startWithToken()
  const calls = github.calls()
  await until('a check', () => github.calls() > calls)
  await master.stop()
  const before = github.asked.length
  const again = await startMaster({
    args: [...QUICK, '--fetch', 'github:org/app', '--listen', `127.0.0.1:${port}`],
    stateDir: master.stateDir,
    env: { GITHUB_API_URL: github.url, GH_TOKEN: TOKEN },
  })
  await again.next('worker-ready')
  await until('two checks', () => github.asked.length >= before + 2)
  expect(github.asked.slice(before).map(({ host, status }) => `${host} ${status}`)).toEqual(
    expect.not.arrayContaining(['assets 200', 'api 302']),
  )
  expect(github.asked[before]).toMatchObject({ status: 304 })
})

test('a build that failed is tried under another launch without being fetched again', async () => {
  const github = await startGithub({ token: TOKEN })
  const env = { GITHUB_API_URL: github.url, GH_TOKEN: TOKEN }
  const file = join(temporaryDirectory(), 'env')
  writeFileSync(file, 'OK=\n')
  const publish = (version: string, first: string): void => {
    const assets = assetsOf(version, first)
    const sum = createHash('sha256').update(assets[ARTIFACT]!).digest('hex')
    github.publish(`v${version}.0.0`, { assets: { ...assets, SHA256SUMS: `${sum}  ${ARTIFACT}\n` } })
  }
  publish('1', '')
  const { master, port } = await follow(github, { env, args: ['--env-file', file] })
  await master.next('build-committed')
  publish('2', 'if (!process.env.OK) process.exit(3);')
  expect(await master.next('build-quarantined')).toMatchObject({ version: '2.0.0' })
  await master.stop()
  const before = github.asked.length
  const start = async (): Promise<Master> =>
    await startMaster({
      args: [...QUICK, '--fetch', 'github:org/app', '--listen', `127.0.0.1:${port}`, '--env-file', file],
      stateDir: master.stateDir,
      env,
    })
  writeFileSync(file, 'OK=1\n')
  const again = await start()
  expect(await again.next('build-committed')).toMatchObject({ version: '2.0.0' })
  expect(await ask(port)).toMatchObject({ version: '2' })
  await again.stop()
  // Nor what is committed, under a third one.
  writeFileSync(file, 'OK=2\n')
  const calls = github.calls()
  const third = await start()
  await until('three checks', () => github.calls() > calls + 3)
  expect(github.asked.slice(before).map(({ host, status }) => `${host} ${status}`)).toEqual(
    github.asked.slice(before).map(() => 'api 304'),
  )
  expect(await third.status()).toMatchObject({ current: { version: '2.0.0' }, candidate: null })
})

describe('the token', () => {
  test.each([
    ['GH_TOKEN', async () => ({ env: { GH_TOKEN: TOKEN } })],
    ['--token-file', async () => ({ args: ['--token-file', tokenFile('token')] })],
    ['systemd credentials', async () => ({ env: { CREDENTIALS_DIRECTORY: join(tokenFile('github-token'), '..') } })],
  ])('of %s is seen by the API only: not by the asset host, the logs, the workers or ps', async (_, given) => {
    const github = await startGithub({ token: TOKEN, isPrivate: true })
    const spy = `require('node:fs').writeFileSync(process.env.AUTOUP_DATA_DIR + '/environment', JSON.stringify(process.env));`
    github.publish('v1.0.0', { assets: assetsOf('1', spy) })
    const { master } = await follow(github, await given())
    const seen: string[] = []
    const committed = master.next('build-committed')
    // While the stager is at work, too.
    for (let isDone = false; !isDone; ) {
      seen.push(...commandLines())
      isDone = await Promise.race([committed.then(() => true), new Promise<false>((go) => setImmediate(go, false))])
    }
    await committed
    const { stdout } = await master.cli('status', '--json')
    const tokens = (host: string) =>
      github.asked.filter((each) => each.host === host).map(({ headers }) => headers.authorization)
    expect(new Set(tokens('api'))).toEqual(new Set([`Bearer ${TOKEN}`]))
    expect(tokens('assets')).toEqual([undefined])
    expect(JSON.stringify(github.asked.filter(({ host }) => host === 'assets'))).not.toContain(TOKEN)
    expect(seen.some((line) => line.includes('helper.js'))).toBe(true)
    expect(seen.join('\n')).not.toContain(TOKEN)
    expect(said(master) + stdout).not.toContain(TOKEN)
    const state = filesBelow(master.home)
    expect(state).toContain('1.0.0')
    expect(state).toContain('"AUTOUP_VERSION":"1.0.0"')
    expect(state).not.toContain(TOKEN)
  })

  test('that is not good is said, without being repeated, and a better one in the file is taken up', async () => {
    const github = await startGithub({ token: TOKEN, isPrivate: true })
    github.publish('v1.0.0', { assets: assetsOf('1') })
    const file = tokenFile('token')
    writeFileSync(file, 'ghp_wrongSecret')
    const { master } = await follow(github, { args: ['--token-file', file] })
    const failed = await master.next('check-finished')
    expect(failed).toMatchObject({ result: 'error', message: expect.stringMatching(/does not accept the token \(401/) })
    writeFileSync(file, TOKEN)
    await master.next('build-committed')
    expect(said(master)).not.toMatch(/ghp_/)
  })

  function tokenFile(name: string): string {
    const file = join(temporaryDirectory(), name)
    writeFileSync(file, `${TOKEN}\n`, { mode: 0o600 })
    return file
  }
})

describe('without a token', () => {
  test('the budget stands in the status and is kept at any interval, also by who asks by hand', async () => {
    const github = await startGithub()
    github.publish('v1.0.0', { assets: assetsOf('1') })
    const { master } = await follow(github)
    await master.next('build-committed')
    const text = await until('a check', async () => {
      const { stdout } = await master.cli('status')
      return /API calls left/.test(stdout) ? stdout : null
    })
    expect(text).toMatch(/\d+ of 60 API calls left until \d\d:\d\d UTC/)
    github.setAnonymousLeft(1)
    for (let turn = 0; turn < 4; turn++) await master.cli('upgrade')
    expect(github.asked.filter(({ status }) => status === 403)).toEqual([])
    expect((await master.cli('status')).stdout).toMatch(/budget +0 of 60 API calls left until \d\d:\d\d UTC/)
    const { lastCheck, ...status } = await master.status()
    expect(status).toMatchObject({ budget: { limit: 60, remaining: 0, blockedUntil: null } })
    expect(lastCheck).toMatchObject({
      result: 'error',
      message: expect.stringMatching(/no more of its 60 calls an hour until/),
    })
    const { nextCheckAt } = status as unknown as { nextCheckAt: string }
    expect(Date.parse(nextCheckAt) - Date.now()).toBeGreaterThan(50 * 60_000)
  })
})

test('GitHub that wants to be left alone is, by every command and by the next master', async () => {
  const github = await startGithub()
  github.publish('v1.0.0', { assets: assetsOf('1') })
  const { master, port } = await follow(github, { args: ['--interval', '1h'] })
  await master.next('build-committed')
  github.refuse({ status: 403, headers: { 'retry-after': '600' } })
  expect((await master.cli('upgrade')).stderr).toMatch(/allows no more of its 60 calls an hour until/)
  const calls = github.calls()
  const env = { GITHUB_API_URL: github.url }
  const own = ['--state-dir', master.stateDir]
  const everybody = async (): Promise<string[]> => {
    const asked = [
      await master.cli('upgrade'),
      await master.cli('upgrade', '--again'),
      await master.cli('check'),
      await master.cli('stage'),
      await autoup(['explain', 'github:org/app', ...own], { env }),
      await autoup(['stage', '--fetch', 'github:org/app', '--name', 'other', ...own], { env }),
    ]
    return asked.map(({ code, stderr }) => `${code} ${stderr}`)
  }
  for (const said of await everybody()) expect(said).toMatch(/^1 .*allows no more of its 60 calls an hour until \d\d:/s)
  await master.stop()
  const again = await startMaster({
    args: [...QUICK, '--fetch', 'github:org/app', '--listen', `127.0.0.1:${port}`],
    stateDir: master.stateDir,
    env,
  })
  await again.waitFor((event) => event.type === 'check-finished' && event.result === 'error', 'its first check')
  expect(github.calls()).toBe(calls)
  const { budget } = (await again.status()) as unknown as { budget: { blockedUntil: string } }
  expect(Date.parse(budget.blockedUntil) - Date.now()).toBeGreaterThan(9 * 60_000)
})

test('a release that has nothing for this machine is said with what there is, once, and the old build serves on', async () => {
  const { github, master, port } = await startWithToken()
  const since = master.mark()
  github.publish('v2.0.0', { assets: { 'app-windows-x64.zip': 'win', 'app-darwin-arm64.tar.gz': 'mac' } })
  const refused = await master.next('build-refused', { since })
  expect(refused.reason).toMatch(
    /^2\.0\.0 of org\/app: no file .* it has app-darwin-arm64\.tar\.gz, app-windows-x64\.zip/,
  )
  const calls = github.calls()
  await until('two more checks', () => github.calls() > calls + 2)
  expect(master.events.filter(({ type }) => type === 'build-refused')).toHaveLength(1)
  expect(await ask(port)).toMatchObject({ version: '1' })
  const { code, stderr } = await master.cli('upgrade')
  expect([code, stderr]).toEqual([5, expect.stringMatching(/the release was refused: 2\.0\.0 of org\/app: no file/)])
})

test('GitHub is left alone for as long as it asks for', async () => {
  const { github, master } = await startWithToken()
  const since = master.mark()
  github.refuse({ status: 429, headers: { 'retry-after': '3' } })
  const limited = await master.waitFor(
    (event) => event.type === 'check-finished' && event.result === 'error',
    'limit',
    { since },
  )
  const calls = github.calls()
  const at = Date.parse(limited.at)
  await until('the next call', () => github.calls() > calls)
  expect(Date.now() - at).toBeGreaterThan(2_900)
})

describe('what cannot be is said at once', () => {
  test.each([
    ['github:org', /names no repository: write github:owner\/repo/],
    ['github:org/app/x', /names no repository/],
    ['github:org/app?assets=x', /'assets' is no parameter of github:/],
  ])('%s', async (spec, message) => {
    const { code, stderr } = await autoup([
      'run',
      '--fetch',
      spec,
      '--name',
      'app',
      '--state-dir',
      temporaryDirectory(),
    ])
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)])
  })

  test('a token file that is not there', async () => {
    const args = [
      'run',
      '--fetch',
      'github:org/app',
      '--token-file',
      '/nowhere/token',
      '--state-dir',
      temporaryDirectory(),
    ]
    expect(await autoup(args)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/cannot read the token file \/nowhere\/token/),
    })
  })
})

/** What `ps` shows: of every process of this machine. */
function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')]
      } catch {
        return []
      }
    })
}

/** The text of everything that is on disk there. */
function filesBelow(folder: string): string {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n')
}
