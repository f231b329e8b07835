import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { parsePlatform } from '../../src/cli/parse-platform.ts'
import { startGithub } from '../support/github-server.ts'
import { autoup, memory } from './terminal.ts'

const NAMES = 'app-1.2.0-linux-amd64.tar.gz\r\n\n app-1.2.0-linux-arm64.tar.gz\nSHA256SUMS\n'
let cwd = ''

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'autoup-explain-'))
  writeFileSync(join(cwd, 'names'), `\uFEFF${NAMES}`)
  writeFileSync(join(cwd, 'tie'), 'lint-linux-amd64\nfmt-linux-amd64\n')
  writeFileSync(join(cwd, 'hostile'), 'app-linux-amd64\u001b[2J\napp-\u202elinux-amd64\n')
})
afterAll(() => rmSync(cwd, { recursive: true, force: true }))

const explain = (...args: string[]): ReturnType<typeof autoup> => autoup(['explain', ...args], { cwd })

describe('autoup explain', () => {
  test('marks what it would choose and says why not the others', async () => {
    const { code, stdout, stderr } = await explain('--names', 'names', '--platform', 'linux/arm64')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.split('\n')).toEqual([
      '→ app-1.2.0-linux-arm64.tar.gz  for Linux, for arm64, .tar.gz',
      '  SHA256SUMS                    checksums',
      '  app-1.2.0-linux-amd64.tar.gz  for x64',
      '',
    ])
  })

  test('as JSON is one object with exactly the documented keys', async () => {
    const { code, stdout } = await explain('--names', 'names', '--platform', 'linux/amd64/musl', '--json')
    const answer = JSON.parse(stdout)
    expect(code).toBe(0)
    expect(Object.keys(answer)).toEqual(['choice', 'candidates'])
    expect(answer.choice).toBe('app-1.2.0-linux-amd64.tar.gz')
    for (const each of answer.candidates) expect(Object.keys(each)).toEqual(['name', 'score', 'reasons'])
  })

  test('refuses a tie with the sentence and exit 1, unless the project decides', async () => {
    const tie = await explain('--names', 'tie', '--platform', 'linux/x64', '--json')
    expect(tie.code).toBe(1)
    expect(JSON.parse(tie.stdout).choice).toBeNull()
    expect(tie.stderr).toMatch(/^autoup: 2 files of different programs fit Linux on x64 .* say which with \?asset=\n$/)
    expect((await explain('--names', 'tie', '--platform', 'linux/x64', '--project', 'org/fmt')).stdout).toMatch(
      /^→ fmt-/,
    )
  })

  test('is for the platform it runs on, when none is given', async () => {
    const { code, stdout } = await explain('--names', 'names', '--json')
    const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch as string]
    if (process.platform === 'linux' && arch) expect(JSON.parse(stdout).choice).toContain(arch)
    else expect(code).toBe(1)
  })

  test('has colour on a terminal only, and no control character of a name', async () => {
    const screen = memory(true)
    await autoup(['explain', '--names', 'names', '--platform', 'linux/x64'], { cwd, stdout: screen })
    expect(screen.text()).toContain('\u001b[32m→ app')
    const { stdout, stderr } = await explain('--names', 'hostile', '--platform', 'darwin/x64')
    for (const char of ['\u001b', '\u202e']) expect(stdout + stderr).not.toContain(char)
  })

  test('asks a source for its newest release', async () => {
    const github = await startGithub()
    vi.stubEnv('GITHUB_API_URL', github.url)
    onTestFinished(() => void vi.unstubAllEnvs())
    github.publish('v1.0.0', { assets: { 'app-linux-amd64': 'old', 'app-linux-arm64': 'old' } })
    github.publish('v1.1.0', { assets: { 'app-1.1.0-linux-amd64': 'new', 'app-1.1.0-linux-arm64': 'new' } })
    const { code, stdout } = await explain('github:org/app', '--platform', 'linux/arm64', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout).choice).toBe('app-1.1.0-linux-arm64')
  })

  test('of a repository, also where only one name matches ?asset=', async () => {
    const github = await startGithub()
    vi.stubEnv('GITHUB_API_URL', github.url)
    onTestFinished(() => void vi.unstubAllEnvs())
    github.publish('v1.0.0', { assets: { 'app-linux-amd64': 'it', 'app.jar': 'it' } })
    expect(await explain('github:org/app?asset=*.jar')).toMatchObject({
      code: 0,
      stdout: '→ app.jar  the only one that matches ?asset=*.jar\n',
    })
  })

  test('shows its token to a private source', async () => {
    const github = await startGithub({ isPrivate: true })
    for (const [name, value] of [
      ['GITHUB_API_URL', github.url],
      ['GH_TOKEN', ''],
      ['GITHUB_TOKEN', ''],
    ] as const)
      vi.stubEnv(name, value)
    onTestFinished(() => void vi.unstubAllEnvs())
    github.publish('v1.0.0', { assets: { 'app-linux-amd64': 'it' } })
    writeFileSync(join(cwd, 'token'), `${github.token}\n`)
    const args = ['github:org/app', '--platform', 'linux/x64', '--json']
    const without = await explain(...args)
    expect(without.code).toBe(1)
    expect(without.stderr).toContain('give a token with GH_TOKEN or --token-file')
    const { code, stdout } = await explain(...args, '--token-file', 'token')
    expect(code).toBe(0)
    expect(JSON.parse(stdout).choice).toBe('app-linux-amd64')
  })

  test.each([
    [['file:/srv/app'], 'file:/srv/app has no list of files to choose from'],
    [[], 'nothing to explain'],
    [['x', '--names', 'names'], "'x' and --names both say"],
    [['--names', 'gone'], "the names in 'gone' cannot be read"],
    [['--names', 'names', '--platform', 'linux'], "'linux' is no platform"],
    [['--names', 'names', '--platform', 'linux/x64/msvc'], "'msvc' in 'linux/x64/msvc' is no C library"],
  ])('%j is a mistake that is told in a sentence', async (args, sentence) => {
    const { code, stderr } = await explain(...args)
    expect(code).toBe(2)
    expect(stderr).toContain(`autoup: ${sentence}`)
    expect(stderr.trimEnd()).not.toContain('\n')
  })
})

test('platforms are read in the words of artifact names', () => {
  const host = { os: 'linux', arch: 'x64', libc: 'musl' } as const
  expect(parsePlatform('linux/amd64', host)).toEqual({ os: 'linux', arch: 'x64', libc: 'musl' })
  expect(parsePlatform('Linux/x86_64/gnu', host)).toEqual({ os: 'linux', arch: 'x64', libc: 'glibc' })
  expect(parsePlatform('macos/aarch64', host)).toEqual({ os: 'darwin', arch: 'arm64', libc: null })
  expect(parsePlatform('windows/x86', host)).toEqual({ os: 'win32', arch: 'ia32', libc: null })
  expect(parsePlatform('linux/armv7', { ...host, os: 'darwin' })).toEqual({ os: 'linux', arch: 'arm', libc: 'glibc' })
})
