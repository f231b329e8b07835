/**
 * Programs that the stager needs and that have gone over to the enemy (an archive handler that its archive has taken
 * over, an npm that a package has), and packages that want to run: under a running master, what they cannot reach. All
 * of it as root, where the tests run as root.
 */

import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect } from 'vitest'
import { ask } from '../support/ask.ts'
import { archive, nodeServer } from '../support/builds.ts'
import { startGithub } from '../support/github-server.ts'
import { plantProgram } from '../support/hostile-program.ts'
import { type Master, startMaster, temporaryDirectory } from '../support/master.ts'
import { type PublishedPackage, startNpmRegistry } from '../support/npm-registry.ts'
import { freePort } from '../support/ports.ts'
import { isAlive } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { pack, tar } from '../support/tar.ts'
import { until } from '../support/until.ts'
import { bytesOf } from '../support/victim.ts'

const TOKEN = 'ghp_SecretOfTheStager0123456789'
const QUICK = ['--interval', '1h', '--probation', '200ms', '--ready-timeout', '5s', '--drain-timeout', '5s']

interface Ground {
  readonly stateDir: string
  readonly home: string
  readonly victim: string
}

function ground(): Ground {
  const stateDir = temporaryDirectory()
  // As /var/lib/autoup is, so that root's stager need not be let through.
  chmodSync(stateDir, 0o755)
  const victim = join(temporaryDirectory(), 'victim')
  writeFileSync(victim, 'mine', { mode: 0o600 })
  return { stateDir, home: join(stateDir, 'app'), victim }
}

/** What every program below the stager must have come to, however it tried. */
function expectNothingReached(report: Readonly<Record<string, string>>): void {
  const { stays: _stays, environment: _environment, read: _read, setuid, descriptors, ...rest } = report
  expect(descriptors).toBe('')
  // Where it may not even look, it says so.
  expect(setuid).toMatch(/^(?:no|EACCES)$/)
  const reached = Object.entries(rest).filter(([, came]) => !/^(?:E[A-Z]+|errno \d+|none)$/.test(came))
  expect(reached).toEqual([])
}

async function expectUntouched({ victim, home }: Ground, master: Master, report: Readonly<Record<string, string>>) {
  expect(readFileSync(victim, 'utf8')).toBe('mine')
  expect(statSync(victim).mode & 0o7777).toBe(0o600)
  expect(existsSync(`${victim}-new`)).toBe(false)
  expect(existsSync(join(home, 'builds/x'))).toBe(false)
  expect((await master.status()).pid).toBe(master.pid)
  expect(master.events.filter((event) => event.type === 'worker-exited' && !event.expected)).toEqual([])
  await until('what it left behind is gone', () => !isAlive(Number(report.stays)))
}

const contained = needs('xz', 'npm', 'landlock-signals', 'open-project').test

/** Whom the master runs as: whoever runs the tests, or an ordinary user. */
const MASTERS: readonly [who: string, uid: number | null, tried: typeof contained][] = [
  ['', null, contained],
  [
    ', under a master that is not root',
    23_457,
    needs('xz', 'landlock-signals', 'root', 'setpriv', 'open-project').test,
  ],
]

for (const [who, uid, tried] of MASTERS) {
  tried(`threat: an archive handler that its archive has taken over${who}`, () => takenOverBy(uid))
}

async function takenOverBy(uid: number | null): Promise<void> {
  const here = ground()
  const through = uid === null ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups']
  for (const path of uid === null ? [] : [here.stateDir, dirname(here.victim), here.victim]) chownSync(path, uid!, uid!)
  const planted = await plantProgram('xz', { ...here, secret: TOKEN })
  const github = await startGithub({ token: TOKEN })
  const asset = (version: string) => ({
    [`app-linux-${process.arch}.tar.xz`]: pack('xz', pack('gzip', bytesOf(archive(nodeServer({ version }))), '-d')),
  })
  github.publish('v1.0.0', { assets: asset('1') })
  const port = await freePort()
  const master = await startMaster({
    stateDir: here.stateDir,
    through,
    args: [...QUICK, '--fetch', 'github:org/app', '--listen', `127.0.0.1:${port}`],
    env: { GITHUB_API_URL: github.url, GH_TOKEN: TOKEN, PATH: `${planted.folder}:${process.env.PATH}` },
  })
  await master.next('build-committed')
  github.publish('v2.0.0', { assets: asset('2') })
  const { code, stderr } = await master.cli('upgrade')
  expect(code, stderr).toBe(0)
  expect(await ask(port)).toMatchObject({ version: '2' })
  expect(planted.reports).toHaveLength(2)
  for (const report of planted.reports) {
    expectNothingReached(report)
    expect(report.environment).toBe('ok')
    if (process.getuid?.() === 0 && uid === null) expect(report.read).toBe('EACCES')
    await expectUntouched(here, master, report)
  }
}

/** One package of the test's own registry, under the real npm. */
async function followNpm(here: Ground, npmrc: string, path = process.env.PATH ?? ''): Promise<Running> {
  const port = await freePort()
  // Without a login there is nothing in it that is root's alone.
  chmodSync(dirname(npmrc), 0o755)
  const master = await startMaster({
    stateDir: here.stateDir,
    args: [...QUICK, '--fetch', 'npm:app', '--listen', `127.0.0.1:${port}`],
    env: { npm_config_userconfig: npmrc, npm_config_globalconfig: `${npmrc}-none`, PATH: path },
  })
  await master.next('build-committed', { deadlineMs: 60_000 })
  return { master, port }
}

interface Running {
  readonly master: Master
  readonly port: number
}

/** The server of the examples as a package. */
function app(version: string, more: Partial<PublishedPackage> = {}): PublishedPackage {
  const text = bytesOf(nodeServer({ version })).toString()
  return {
    name: 'app',
    version,
    ...more,
    files: { app: text, ...more.files },
    manifest: { bin: 'app', ...more.manifest },
  }
}

contained('threat: an npm that a package has taken over', async () => {
  const here = ground()
  const registry = await startNpmRegistry()
  await registry.publish(app('1.0.0'))
  const planted = await plantProgram('npm', { ...here, secret: TOKEN })
  const { master, port } = await followNpm(here, registry.npmrc, `${planted.folder}:${process.env.PATH}`)
  await registry.publish(app('2.0.0'))
  const { code, stderr } = await master.cli('upgrade')
  expect(code, stderr).toBe(0)
  expect(await ask(port)).toMatchObject({ version: '2.0.0' })
  expect(planted.reports.length).toBeGreaterThan(2)
  for (const report of planted.reports) {
    expectNothingReached(report)
    if (process.getuid?.() === 0) expect(report.read).toBe('EACCES')
    await expectUntouched(here, master, report)
  }
})

needs('npm').test('threat: a package that runs at its installation, or reaches out of its folder', async () => {
  const here = ground()
  const registry = await startNpmRegistry()
  await registry.publish(app('1.0.0'))
  const { master, port } = await followNpm(here, registry.npmrc)
  const write = `node -e "require('fs').writeFileSync('${here.victim}','x')"`
  const escapes = tar(
    { path: 'package/package.json', data: JSON.stringify({ name: 'app', version: '2.0.4', bin: 'app' }) },
    { path: 'package/app', data: bytesOf(nodeServer({ version: 'escaped' })), mode: 0o755 },
    { path: `package/../../../../../../../../..${here.victim}`, data: 'x' },
    { path: here.victim, data: 'x' },
    { path: 'package/out', type: 'SymbolicLink', linkpath: dirname(here.victim) },
    { path: `package/out/${basename(here.victim)}`, data: 'x' },
    { path: 'package/hard', type: 'Link', linkpath: here.victim },
  )
  const cases: [string, PublishedPackage, RegExp][] = [
    ['a script', app('2.0.0', { manifest: { scripts: { postinstall: write } } }), /app@2\.0\.0 needs install scripts/],
    [
      'a script that the registry does not speak of',
      app('2.0.1', {
        manifest: { scripts: { preinstall: write } },
        announced: { scripts: {}, hasInstallScript: false },
      }),
      /app@2\.0\.1 needs install scripts/,
    ],
    ['a native addon', app('2.0.2', { files: { 'binding.gyp': `{"x":"<!(${write})"}` } }), /needs install scripts/],
    [
      'a script of what it bundles',
      app('2.0.3', {
        manifest: { dependencies: { inner: '1.0.0' }, bundleDependencies: ['inner'] },
        files: {
          'node_modules/inner/package.json': JSON.stringify({
            name: 'inner',
            version: '1.0.0',
            scripts: { install: write },
          }),
        },
      }),
      /needs inner@1\.0\.0, which needs install scripts/,
    ],
  ]
  for (const [what, package_, reason] of cases) {
    await registry.publish(package_)
    const { code, stderr } = await master.cli('upgrade')
    expect(stderr, what).toMatch(reason)
    expect(code, what).toBe(5)
    expect(await ask(port), what).toMatchObject({ version: '1.0.0' })
    expect(readFileSync(here.victim, 'utf8'), what).toBe('mine')
  }
  // npm leaves out what leads out; what is left of it is a package like any other.
  await registry.publish(app('2.0.4', { tarball: gzipSync(escapes) }))
  const escaped = await master.cli('upgrade')
  expect(escaped.code, escaped.stderr).toBe(0)
  expect(await ask(port)).toMatchObject({ version: 'escaped' })
  expect(readFileSync(here.victim, 'utf8')).toBe('mine')
  const left = readdirSync(join(here.home, 'current/tree/node_modules/app'), { recursive: true, withFileTypes: true })
  expect(left.filter((entry) => !entry.isFile() && !entry.isDirectory())).toEqual([])
  expect(left.map(({ name }) => name)).not.toContain('hard')
  expect(readdirSync(join(here.home, 'tmp'))).toEqual([])
})

needs('npm').test('threat: a tarball of the registry with other bytes than it announced', async () => {
  const here = ground()
  const registry = await startNpmRegistry()
  await registry.publish(app('1.0.0'))
  const { master, port } = await followNpm(here, registry.npmrc)
  await registry.publish(app('2.0.0'))
  registry.tamper('app', '2.0.0')
  const { code, stderr } = await master.cli('upgrade')
  expect(stderr).toMatch(/app@2\.0\.0/)
  expect(code, stderr).toBe(5)
  const refused = await master.next('build-refused')
  expect(refused).toMatchObject({ version: '2.0.0', reason: expect.stringMatching(/integrity|sha512|other bytes/) })
  expect(await ask(port)).toMatchObject({ version: '1.0.0' })
  expect(readdirSync(join(here.home, 'tmp'))).toEqual([])
  await registry.publish(app('2.0.1'))
  expect(await master.cli('upgrade')).toMatchObject({ code: 0 })
  expect(await ask(port)).toMatchObject({ version: '2.0.1' })
})
