import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { fileFetcher } from '../../../fetchers/file.ts'
import { githubFetcher } from '../../../fetchers/github.ts'
import { fetcherFor } from '../../../fetchers/index.ts'
import type { Input } from '../../../src/cli/command.ts'
import { quickParse } from '../../../src/cli/quick-parse.ts'
import { run } from '../../../src/cli/run.ts'
import { buildSettings } from '../../../src/cli/settings.ts'
import { stageJob } from '../../../src/runtime/stager/check-job.ts'
import { sourceIntervalMs, tokenFor } from '../../../src/runtime/stager/token.ts'
import { childEnvironment } from '../../../src/system/environment.ts'
import { nowhere } from '../../cli/terminal.ts'
import { onEnd } from '../../support/on-end.ts'
import { temporaryFolder, temporaryStore } from '../../support/stores.ts'

describe('the token', () => {
  test('is that of the file, else of the credentials, else of the environment', async () => {
    const folder = await temporaryFolder()
    const file = join(folder, 'token')
    const credentials = join(folder, 'credentials')
    writeFileSync(file, '  from-file\n')
    mkdirSync(credentials)
    writeFileSync(join(credentials, 'github-token'), 'from-credentials\r\n')
    const env = { CREDENTIALS_DIRECTORY: credentials, GH_TOKEN: 'from-gh', GITHUB_TOKEN: 'from-github' }
    expect(tokenFor('github', { file, env })).toBe('from-file')
    expect(tokenFor('github', { file: null, env })).toBe('from-credentials')
    expect(tokenFor('github', { file: null, env: { ...env, CREDENTIALS_DIRECTORY: folder, GH_TOKEN: '' } })).toBe(
      'from-file',
    )
    expect(tokenFor('github', { file: null, env: { ...env, CREDENTIALS_DIRECTORY: join(folder, 'none') } })).toBe(
      'from-gh',
    )
    expect(tokenFor('github', { file: null, env: { GH_TOKEN: ' ', GITHUB_TOKEN: 'from-github' } })).toBe('from-github')
    expect(tokenFor('github', { file: null, env: {} })).toBeNull()
  })

  test.each(['github-token', 'GH_TOKEN', 'GITHUB_TOKEN', 'token'])('may be the credential %s', async (name) => {
    const folder = await temporaryFolder()
    writeFileSync(join(folder, name), 'good')
    expect(tokenFor('github', { file: null, env: { CREDENTIALS_DIRECTORY: folder } })).toBe('good')
  })

  test('is not given to a source that it is not for', () => {
    const env = { GH_TOKEN: 'g', GITHUB_TOKEN: 'g', NPM_TOKEN: 'n', NODE_AUTH_TOKEN: 'n' }
    expect(tokenFor('npm', { file: null, env })).toBe('n')
    expect(tokenFor('https', { file: null, env })).toBeNull()
    expect(tokenFor('file', { file: null, env })).toBeNull()
    expect(tokenFor('', { file: null, env })).toBeNull()
  })

  test('is read anew each time', async () => {
    const file = join(await temporaryFolder(), 'token')
    writeFileSync(file, 'one')
    expect(tokenFor('github', { file, env: {} })).toBe('one')
    writeFileSync(file, 'two')
    expect(tokenFor('github', { file, env: {} })).toBe('two')
  })

  test.each([
    ['empty', '\n', /holds no token: it is empty/],
    ['two words', 'secret-a secret-b', /holds no token: it is not one word/],
    ['two lines', 'secret-a\nsecret-b', /holds no token/],
    ['no text', 'secret\0', /holds no token/],
    ['a key', 's'.repeat(20_000), /too long for a token/],
  ])('that is %s is refused, and not repeated', async (_, text, message) => {
    const file = join(await temporaryFolder(), 'token')
    writeFileSync(file, text)
    const read = () => tokenFor('github', { file, env: {} })
    expect(read).toThrow(message)
    expect(read).not.toThrow(/secret|sss/)
  })

  test('in a file that is not there, a folder or a pipe is refused at once', async () => {
    const folder = await temporaryFolder()
    execFileSync('mkfifo', [join(folder, 'pipe')])
    const read = (name: string) => () => tokenFor('github', { file: join(folder, name), env: {} })
    expect(read('none')).toThrow(/cannot read the token file .*: there is no such file/)
    expect(read('.')).toThrow(/is not a file/)
    expect(read('pipe')).toThrow(/is not a file/)
  })

  test('in a file that may not be read is refused', async () => {
    const file = join(await temporaryFolder(), 'token')
    writeFileSync(file, 'secret')
    chmodSync(file, 0)
    // Root may read everything: then as somebody else.
    const isRoot = process.geteuid?.() === 0
    if (isRoot) {
      chmodSync(dirname(file), 0o755)
      process.seteuid?.(65_534)
    }
    try {
      expect(() => tokenFor('github', { file, env: {} })).toThrow(/permission denied/)
    } finally {
      if (isRoot) process.seteuid?.(0)
    }
  })
})

test('a child gets none of the variables that a token may be in', () => {
  const names = [
    'GH_TOKEN',
    'GITHUB_TOKEN',
    'NPM_TOKEN',
    'NODE_AUTH_TOKEN',
    'CREDENTIALS_DIRECTORY',
    'AUTOUP_TOKEN_FILE',
  ]
  const own = Object.fromEntries(names.map((name) => [name, 'secret']))
  expect(childEnvironment({ ...own, PATH: '/bin' }, {})).toEqual({ PATH: '/bin' })
})

test('the interval of a source depends on whether it has a token', async () => {
  const file = join(await temporaryFolder(), 'token')
  writeFileSync(file, 'good')
  onEnd(() => vi.unstubAllEnvs())
  for (const name of ['GH_TOKEN', 'GITHUB_TOKEN', 'CREDENTIALS_DIRECTORY']) vi.stubEnv(name, '')
  expect(sourceIntervalMs(githubFetcher, { tokenFile: null })).toBe(120_000)
  expect(sourceIntervalMs(githubFetcher, { tokenFile: file })).toBe(60_000)
  vi.stubEnv('GITHUB_TOKEN', 'good')
  expect(sourceIntervalMs(githubFetcher, { tokenFile: null })).toBe(60_000)
  expect(sourceIntervalMs(fileFetcher, { tokenFile: null })).toBe(1_000)
})

test.each([
  ['github:org/app', 'github-token'],
  ['http://127.0.0.1/app', 'https-token'],
  [join(import.meta.dirname, '../../../examples/custom-fetcher/version-file.mjs'), 'plugin-token'],
])('the credential for %s is %s', async (spec, name) => {
  const folder = await temporaryFolder()
  writeFileSync(join(folder, name), 'good')
  writeFileSync(join(folder, 'token'), 'of all others')
  onEnd(() => vi.unstubAllEnvs())
  vi.stubEnv('CREDENTIALS_DIRECTORY', folder)
  const source = await fetcherFor(spec)
  const settings = buildSettings(quickParse(run, ['--fetch', spec]) as Input, nowhere())
  const job = { known: null, floor: null, ratchet: null, quarantined: [], again: false, budgets: {} }
  const store = await temporaryStore()
  expect(stageJob(settings, store, source.fetcher.scheme, job).token).toBe('good')
  // The pace is that of who has a token, for the same reason.
  expect(sourceIntervalMs(source.fetcher, settings)).toBe(source.fetcher.intervalMs ?? null)
})
