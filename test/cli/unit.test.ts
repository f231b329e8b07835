import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { needs } from '../support/requirements.ts'
import { temporaryDirectory } from './fake-master.ts'
import { autoup } from './terminal.ts'

const run = promisify(execFile)

/** The values of a key, in order; joined lines are one. */
function values(text: string, key: string): string[] {
  return text
    .replaceAll(/ \\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.startsWith(`${key}=`))
    .map((line) => line.slice(key.length + 1))
}

async function unit(args: readonly string[], env: Record<string, string> = {}, cwd = '/'): Promise<string> {
  const { code, stdout, stderr } = await autoup(['unit', ...args], { env, cwd })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

test('a unit starts the same service, and says so when it is ready', async () => {
  const text = await unit(['--fetch', 'github:org/app', '--listen', '8080', '--drain-timeout', '90s'])
  expect(values(text, 'ExecStart')[0]).toMatch(
    /^\/\S*node\S* \/\S+\/dist\/bin\/autoup\.js run --name app --state-dir %S\/autoup --fetch github:org\/app --listen 8080 --drain-timeout 90s$/,
  )
  expect(values(text, 'ExecReload')[0]).toMatch(/autoup\.js reload app --state-dir %S\/autoup$/)
  for (const line of ['Type=notify', 'NotifyAccess=main', 'KillMode=process', 'OOMPolicy=continue', 'Restart=always']) {
    expect(text.split('\n')).toContain(line)
  }
  expect(values(text, 'StateDirectory')).toEqual(['autoup/app'])
  expect(Number(values(text, 'TimeoutStopSec')[0])).toBeGreaterThan(90)
  expect(Number(values(text, 'WatchdogSec')[0])).toBeGreaterThan(1)
})

test('takes nothing away that an ordinary worker or the stager needs', async () => {
  const text = await unit(['--fetch', 'github:org/app', '--listen', '8080'])
  expect(text).not.toMatch(/MemoryDenyWriteExecute|ProtectProc|ProtectSystem=strict|@mount|@system-service|@debug/)
  const taken = values(text, 'CapabilityBoundingSet')[0]!
  for (const needed of [
    'SETUID',
    'SETGID',
    'CHOWN',
    'FOWNER',
    'DAC_OVERRIDE',
    'KILL',
    'NET_BIND_SERVICE',
    'SYS_PTRACE',
  ]) {
    expect(taken).not.toContain(`CAP_${needed}`)
  }
})

test('--user is that of the unit, which may bind a low port and nothing else', async () => {
  const text = await unit(['--user', 'www-data:daemon', '--fetch', 'github:org/app', '--listen', '80'])
  expect(values(text, 'User')).toEqual(['www-data'])
  expect(values(text, 'Group')).toEqual(['daemon'])
  expect(values(text, 'ExecStart')[0]).not.toContain('www-data')
  expect(values(text, 'AmbientCapabilities')).toEqual(['CAP_NET_BIND_SERVICE'])
  expect(values(text, 'CapabilityBoundingSet')).toEqual(['CAP_NET_BIND_SERVICE'])
  const high = await unit(['--user', 'www-data', '--fetch', 'github:org/app', '--listen', '8080'])
  expect(values(high, 'CapabilityBoundingSet')).toEqual([''])
  expect(values(high, 'AmbientCapabilities')).toEqual([])
})

test('of a user who is not root it is the unit of that user', async () => {
  const { stdout } = await autoup(['unit', '--fetch', 'github:org/app', '--listen', '80'], { isRoot: false })
  expect(values(stdout, 'User')).toEqual([userInfo().username])
  expect(values(stdout, 'AmbientCapabilities')).toEqual(['CAP_NET_BIND_SERVICE'])
})

needs('root').test('of a user who has no name, as in a container, it is that of the number', async () => {
  const start = () => autoup(['unit', '--fetch', 'github:org/app', '--listen', '80'], { isRoot: false })
  // As root, so that all it loads is there.
  await start()
  process.seteuid?.(54_321)
  try {
    const { stdout, stderr } = await start()
    expect(stderr).toBe('')
    expect([values(stdout, 'User'), values(stdout, 'Group')]).toEqual([['54321'], [String(process.getegid?.())]])
  } finally {
    process.seteuid?.(0)
  }
})

test('what says how the source is reached is said there as well, but no password', async () => {
  const env = {
    GITHUB_API_URL: 'https://ghes/api/v3',
    no_proxy: 'a, b 1%',
    HTTPS_PROXY: 'http://me:secret@proxy:1',
    HTTP_PROXY: 'me:secret@proxy:1',
    npm_config_registry: 'https://npm.example/',
    HOME: '/',
  }
  const args = ['unit', '--fetch', 'github:org/app', '--listen', '8080']
  const { code, stdout, stderr } = await autoup(args, { env })
  expect(code).toBe(0)
  expect(values(stdout, 'Environment')).toEqual(['GITHUB_API_URL=https://ghes/api/v3', '"no_proxy=a, b 1%%"'])
  const [one, two, ...others] = stderr.trimEnd().split('\n')
  expect(one).toMatch(/^autoup: HTTPS_PROXY is not written into the unit: it holds a login, .*EnvironmentFile=$/)
  expect(two).toMatch(/^autoup: HTTP_PROXY is not written into the unit: it holds a login, /)
  expect(others).toEqual([])
  expect(stdout + stderr).not.toContain('secret')
  expect(values(await unit(['--listen', '8080', '--', 'true'], env), 'Environment')).toEqual([])
})

test('the registry of npm is said there for a package of npm', async () => {
  const env = { npm_config_registry: 'https://npm.example/', 'npm_config_@org:registry': 'https://own.example/' }
  const { stdout, stderr } = await autoup(['unit', '--fetch', 'npm:app', '--listen', '8080'], { env })
  expect(values(stdout, 'Environment')).toEqual(['npm_config_registry=https://npm.example/'])
  expect(stderr).toMatch(/^autoup: npm_config_@org:registry is not written into the unit: .*\.npmrc of that user\n$/)
})

test('--token-file is a credential of the unit', async () => {
  const folder = temporaryDirectory()
  writeFileSync(join(folder, 'my token'), 'secret\n')
  const text = await unit(['--fetch', 'github:org/app', '--listen', '1', '--token-file', 'my token'], {}, folder)
  expect(values(text, 'LoadCredential')).toEqual([`token:${folder}/my token`])
  expect(values(text, 'ExecStart')[0]).not.toContain('token')
  expect(text).not.toContain('secret')
})

test('what stands in the environment stands in the unit, and paths are absolute', async () => {
  const folder = temporaryDirectory()
  writeFileSync(join(folder, 'env'), 'A=b\n')
  const env = { AUTOUP_INTERVAL: '5m', AUTOUP_NO_RESPAWN: '1', AUTOUP_ALLOW_DOWNGRADE: '0', AUTOUP_LISTEN: '1 a=2' }
  const text = await unit(['--fetch', 'file:./app', '--env-file', 'env', '--state-dir', 's'], env, folder)
  const [start = ''] = values(text, 'ExecStart')
  expect(start).toContain(`--fetch file:${folder}/app`)
  expect(start).toContain(`--env-file ${folder}/env`)
  expect(start).toContain('--interval 5m')
  expect(start).toContain('--no-respawn')
  expect(start).toContain('--listen 1 --listen a=2')
  expect(start).not.toContain('downgrade')
  expect(start).toContain(`--state-dir ${folder}/s `)
  const plugin = await unit(['--fetch', './plugin.js?https://host//a', '--listen', '1'], {}, folder)
  expect(values(plugin, 'ExecStart')[0]).toContain(`--fetch "${folder}/plugin.js?https://host//a"`)
  expect(values(text, 'StateDirectory')).toEqual([])
})

test('a configuration file is named, and stays the place of what stands in it', async () => {
  const folder = temporaryDirectory()
  writeFileSync(join(folder, 'autoup.config.json'), JSON.stringify({ listen: [8080], command: ['node', 'x.js'] }))
  const text = await unit([], {}, folder)
  expect(values(text, 'ExecStart')[0]).toMatch(new RegExp(`--config ${folder}/autoup.config.json$`))
  expect(values(text, 'WorkingDirectory')).toEqual([folder])
})

test('a command keeps its words, and where it was said', async () => {
  const text = await unit(['--listen', '8080', '--', 'python3', '-c', 'print("$HOME 100%")'], {}, '/srv')
  expect(values(text, 'ExecStart')[0]).toMatch(/ -- python3 -c "print\(\\"\$\$HOME 100%%\\"\)"$/)
  expect(values(text, 'WorkingDirectory')).toEqual(['/srv'])
})

test('/tmp is the common one where the service talks about it', async () => {
  const common = await unit(['--fetch', 'file:/tmp/app', '--listen', '8080'])
  expect(values(common, 'PrivateTmp')).toEqual([])
})

test.each([
  [['--fetch', 'x', '--listen', '8080', '--socket'], /--socket makes more than one file: give a folder with --output/],
  [['--socket', '--', 'true'], /--socket is about listeners, and there are none/],
  [['--socket', '--listen', '127.0.0.1:0', '--', 'true'], /systemd cannot open the listener 'port-0'/],
  [[], /there is nothing to run/],
  [['--listen', '8080', '--output', '/nowhere', '--', 'true'], /cannot write \/nowhere\/true.service: ENOENT/],
])('%j is refused in one sentence', async (args, sentence) => {
  const { code, stdout, stderr } = await autoup(['unit', ...args])
  expect(code).toBeGreaterThan(0)
  expect(stdout).toBe('')
  expect(stderr).toMatch(/^autoup: [^\n]*\n$/)
  expect(stderr).toMatch(sentence)
})

const systemd = needs('systemd-analyze')

systemd.test.each([
  ['a release source', ['--fetch', 'github:org/app', '--listen', '8080'], 5.5],
  ['a user', ['--fetch', 'github:org/app', '--listen', '80', '--user', 'www-data:www-data'], 4],
  ['a command with difficult words', ['--listen', '8080', '--', '/bin/echo', '$A', '%n', ';', '', 'a b', '"\\'], 5.5],
  [
    'sockets',
    ['--socket', '--user', 'www-data', '--fetch', 'github:org/app', '--listen', '8080', '--listen', 'v6=[::1]:80'],
    4,
  ],
  [
    'a unix socket',
    ['--socket', '--listen', 'unix:/run/web app.sock?mode=0660&owner=www-data:daemon', '--', 'true'],
    5.5,
  ],
])('systemd-analyze verify has nothing to say about one of %s, and security is content', async (_, args, exposure) => {
  const folder = join(temporaryDirectory(), 'units')
  mkdirSync(folder)
  const { code, stderr } = await autoup(['unit', '--name', 'web', '--output', folder, ...args])
  expect(code, stderr).toBe(0)
  const files = readdirSync(folder).map((file) => join(folder, file))
  expect(files.length).toBe(args.includes('--socket') ? 1 + args.filter((arg) => arg === '--listen').length : 1)
  const verified = await run('systemd-analyze', ['verify', '--man=no', ...files])
  const about = `${verified.stdout}${verified.stderr}`.split('\n').filter((line) => line.includes('web'))
  expect(about).toEqual([])
  const service = join(folder, 'web.service')
  const { stdout } = await run('systemd-analyze', ['security', '--offline=true', '--no-pager', service])
  const [, figure = 'none'] = /Overall exposure level for web\.service: ([\d.]+)/.exec(stdout) ?? []
  expect(Number(figure), readFileSync(service, 'utf8')).toBeLessThan(exposure)
})
