import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Input } from '../../src/cli/command.ts'
import type { Io } from '../../src/cli/io.ts'
import { loadSettings } from '../../src/cli/load-settings.ts'
import { quickParse } from '../../src/cli/quick-parse.ts'
import { run } from '../../src/cli/run.ts'
import { AutoupError } from '../../src/core/errors.ts'
import type { Settings } from '../../src/core/settings.ts'
import { fakeMaster, STATUS, temporaryDirectory } from './fake-master.ts'
import { autoup, nowhere } from './terminal.ts'

let cwd: string

beforeEach(() => {
  cwd = temporaryDirectory()
})

function write(content: unknown, name = 'autoup.config.json'): string {
  const path = join(cwd, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content, null, 2))
  return path
}

async function settings(words = '', own: Partial<Io> = {}): Promise<Settings> {
  const input = quickParse(run, words.split(' ').filter(Boolean)) as Input
  expect(input).not.toBeNull()
  return (await loadSettings(input, { ...nowhere(), cwd, ...own })).settings
}

describe('one app at the top', () => {
  test('says what the command line would', async () => {
    write({
      $schema: './node_modules/autoup/autoup.schema.json',
      name: 'shop',
      command: ['node', 'server.js', '--port', '1'],
      listen: ['http=8080', 'unix:/run/shop.sock'],
      instances: 4,
      strategy: 'rolling',
      ready: 'http:/up',
      'drain-timeout': '5s',
      'no-respawn': true,
      'log-format': 'journal',
    })
    expect(await settings()).toMatchObject({
      name: 'shop',
      command: ['node', 'server.js', '--port', '1'],
      directory: cwd,
      listen: [
        { name: 'http', address: { port: 8080 } },
        { name: 'shop.sock', address: { path: '/run/shop.sock' } },
      ],
      instances: 4,
      strategy: 'rolling',
      ready: { kind: 'http', path: '/up' },
      drainTimeoutMs: 5_000,
      respawn: false,
      logFormat: 'journal',
    })
  })

  test('gives way to the environment, which gives way to the command line', async () => {
    write({ command: ['a'], instances: 1, 'drain-timeout': '1s', probation: '1s', listen: 8080 })
    const env = { AUTOUP_INSTANCES: '2', AUTOUP_DRAIN_TIMEOUT: '2s' }
    expect(await settings('--instances 3 --listen 9090 -- b', { env })).toMatchObject({
      command: ['b'],
      instances: 3,
      drainTimeoutMs: 2_000,
      probationMs: 1_000,
      listen: [{ address: { port: 9090 } }],
    })
  })

  test('a switch that is off in the file is turned on by its flag', async () => {
    write({ command: ['a'], 'no-respawn': false })
    expect(await settings()).toMatchObject({ respawn: true })
    expect(await settings('--no-respawn')).toMatchObject({ respawn: false })
  })

  test('is called as it is named on the command line, else in the file, else after what it runs', async () => {
    write({ command: ['node', 'server.js'] })
    expect((await settings()).name).toBe('server')
    write({ name: 'shop', command: ['node', 'server.js'] })
    expect((await settings()).name).toBe('shop')
    expect((await settings('store')).name).toBe('store')
  })

  test('its paths are relative to the file, those of the command line to the working directory', async () => {
    const folder = join(cwd, 'etc')
    mkdirSync(folder)
    writeFileSync(join(folder, 'app.env'), 'A=1\n')
    writeFileSync(join(cwd, 'other.env'), 'A=2\n')
    write({ fetch: 'file:build/app', 'env-file': 'app.env', 'state-dir': 'state' }, 'etc/autoup.config.json')
    const config = '--config etc/autoup.config.json'
    expect(await settings(config)).toMatchObject({
      source: `file:${folder}/build/app`,
      envFile: join(folder, 'app.env'),
      stateDir: join(folder, 'state'),
      directory: cwd === folder ? cwd : folder,
    })
    expect(await settings(`${config} --env-file other.env --state-dir state -- ./app`)).toMatchObject({
      envFile: join(cwd, 'other.env'),
      stateDir: join(cwd, 'state'),
      directory: cwd,
    })
    expect(await settings('', { env: { AUTOUP_CONFIG: 'etc/autoup.config.json' } })).toMatchObject({
      stateDir: join(folder, 'state'),
    })
  })

  test('of a plugin the path is relative to the file; its options are its own', async () => {
    mkdirSync(join(cwd, 'etc'))
    write({ name: 'app', fetch: './plugins/../own.js?https://host//a/../b' }, 'etc/autoup.config.json')
    expect((await settings('--config etc/autoup.config.json')).source).toBe(`${cwd}/etc/own.js?https://host//a/../b`)
  })
})

describe('several apps', () => {
  const TWO = {
    'state-dir': 'state',
    'drain-timeout': '3s',
    interval: '5m',
    apps: {
      web: { fetch: 'github:org/web', listen: 8080, 'drain-timeout': '9s' },
      api: { command: ['node', 'api.js'], listen: 8081 },
    },
  }

  test('each is what is said of it, and of all', async () => {
    write(TWO)
    expect(await settings('web')).toMatchObject({
      name: 'web',
      source: 'github:org/web',
      drainTimeoutMs: 9_000,
      intervalMs: 300_000,
      stateDir: join(cwd, 'state'),
    })
    expect(await settings('api')).toMatchObject({ name: 'api', source: null, drainTimeoutMs: 3_000 })
    expect(await settings('--name api')).toMatchObject({ name: 'api' })
    expect(await settings('', { env: { AUTOUP_NAME: 'web' } })).toMatchObject({ name: 'web' })
  })

  test.each([
    ['', /has several apps: name one of web, api$/],
    ['wep', /there is no app 'wep' in autoup\.config\.json: did you mean 'web'\?/],
    ['other', /it has web, api/],
  ])('%j is told apart', async (words, message) => {
    write(TWO)
    await expect(settings(words)).rejects.toThrow(message)
  })

  test('the only one needs no name', async () => {
    write({ apps: { web: { command: ['a'] } } })
    expect(await settings()).toMatchObject({ name: 'web' })
  })
})

describe('a bad file is one sentence', () => {
  const APP = { command: ['node', 'server.js'] }
  test.each<[string, unknown, RegExp]>([
    ['an unknown key', { ...APP, intervall: '5s' }, /there is no option intervall: did you mean 'interval'\?$/],
    ['a key as in JavaScript', { ...APP, readyTimeout: '5s' }, /did you mean 'ready-timeout'\?$/],
    [
      'an unknown key of one app',
      { apps: { web: { comand: ['a'] } } },
      /no option comand in apps\.web: did you mean 'command'/,
    ],
    ['a key like nothing', { ...APP, zzz: 1 }, /autoup run --help/],
    ['a key of the prototype', '{"command":["a"],"__proto__":{}}', /there is no option __proto__/],
    ['a name under apps', { apps: { web: { ...APP, name: 'x' } } }, /the key of an app is its name/],
    [
      'a wrong type',
      { apps: { web: { ...APP, instances: '4' } } },
      /: apps\.web\.instances must be a whole number, not a text$/,
    ],
    ['a number for a text', { ...APP, 'drain-timeout': 5 }, /: drain-timeout must be a text, not the number 5$/],
    ['a text for a switch', { ...APP, 'no-respawn': 'yes' }, /no-respawn must be true or false, not a text/],
    [
      'a command as a text',
      { command: 'node server.js' },
      /command must be a list of words, such as \["node", "server.js"\]/,
    ],
    ['a list within a list', { ...APP, listen: [[8080]] }, /listen\[0\] must be a text or a number, not a list$/],
    ['an object in a command', { command: ['node', {}] }, /: command\[1\] must be a text, not an empty object$/],
    ['null', { ...APP, user: null }, /user must be a text, not null/],
    ['a list at the top', [APP], /must be an object \{…\}, not a list/],
    ['no apps', { apps: {} }, /apps must be an object with a key for each app, not an empty object/],
    ['a name with a slash', { apps: { 'a/b': APP } }, /apps: 'a\/b' cannot be the name of a service/],
    ['a name with a slash at the top', { ...APP, name: 'a/b' }, /json: name: 'a\/b' cannot be the name of a service/],
    [
      'two apps on one port',
      { apps: { a: { ...APP, listen: 8080 }, b: { ...APP, listen: ['8081', '127.0.0.1:8080'] } } },
      /the apps 'a' and 'b' would both listen on 127\.0\.0\.1:8080/,
    ],
    ['one port for all', { listen: 8080, apps: { a: APP, b: APP } }, /would both listen on \*:8080/],
    ['a bad value', { ...APP, 'ready-timeout': '30' }, /^autoup\.config\.json: ready-timeout: '30' is not a duration/],
    ['a bad address', { ...APP, listen: ['nowhere'] }, /^autoup\.config\.json: listen: cannot listen on 'nowhere'/],
    ['an option of the source without one', { ...APP, interval: '5s' }, /interval is about a release source/],
    ['nothing to run', { listen: 8080 }, /says nothing to run: give it a "fetch" or a "command"/],
    ['no JSON', '{\n  "listen": 8080,\n}\n', /^autoup\.config\.json:3:1: this is not JSON: expected a key/],
    ['an app that stands twice', '{"apps": {\n "a": {},\n "a": {}}}', /:3:2: .*a second time/],
  ])('%s', async (_what, content, message) => {
    write(content)
    const error = await settings(JSON.stringify(content).includes('web') ? 'web' : '').then(
      () => null,
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(AutoupError)
    expect(error).toMatchObject({ code: 'config' })
    expect((error as AutoupError).message).toMatch(/^autoup\.config\.json/)
    expect((error as AutoupError).message).toMatch(message)
    expect((error as AutoupError).message).not.toContain('\n')
  })

  test('also where it was named and is not there', async () => {
    await expect(settings('--config nowhere.json -- a')).rejects.toThrow(
      /configuration nowhere\.json: there is no such file/,
    )
  })

  test('ports that are any free one, and hosts that differ, are no quarrel', async () => {
    write({
      apps: {
        a: { ...APP, listen: ['127.0.0.1:0', '127.0.0.1:8080', 'unix:/run/a'] },
        b: { ...APP, listen: ['127.0.0.1:0', '127.0.0.2:8080', 'unix:/run/b'] },
      },
    })
    expect(await settings('a')).toMatchObject({ name: 'a' })
  })
})

describe('commands that talk to a master', () => {
  test('are told of a name in the file that can be none', async () => {
    write({ name: 'a/b', command: ['a'] })
    expect(await autoup(['status'], { cwd })).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^autoup: autoup\.config\.json: name: 'a\/b' cannot be the name of a service/),
    })
  })

  test('find it through the file', async () => {
    const { stateDir } = await fakeMaster()
    write({ 'state-dir': stateDir, apps: { app: { command: ['a'] }, other: { command: ['b'] } } })
    expect(await autoup(['status', 'app'], { cwd })).toMatchObject({ code: 0, stdout: expect.stringMatching(/^app /) })
    expect(await autoup(['status', 'other'], { cwd })).toMatchObject({ code: 3, stdout: '' })
    expect(await autoup(['upgrade'], { cwd }), 'of the one that runs').toMatchObject({ code: 0 })
  })

  test('show all apps of the file where none is named', async () => {
    const { stateDir } = await fakeMaster()
    write({ 'state-dir': stateDir, apps: { other: { command: ['b'] }, app: { command: ['a'] } } })
    expect(await autoup(['status'], { cwd })).toMatchObject({
      code: 3,
      stdout: expect.stringMatching(/^app /),
      stderr: expect.stringMatching(/^autoup: 'other' is not running[^\n]*\n$/),
    })
  })

  test('find the one app of the file, and no other that runs beside it', async () => {
    const { stateDir } = await fakeMaster()
    write({ name: 'shop', 'state-dir': stateDir, command: ['a'] })
    expect(await autoup(['status'], { cwd })).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("'shop' is not running"),
    })
    write({ name: STATUS.name, 'state-dir': stateDir, command: ['a'] })
    expect(await autoup(['upgrade'], { cwd })).toMatchObject({ code: 0 })
  })

  test('do not mind a mistake in what says nothing of where it is', async () => {
    const { stateDir } = await fakeMaster()
    write({ 'state-dir': stateDir, apps: { app: { command: ['a'], 'ready-timout': '1s' }, other: { listen: true } } })
    expect(await autoup(['status', 'app'], { cwd })).toMatchObject({ code: 0, stdout: expect.stringMatching(/^app /) })
    expect(await autoup(['doctor', 'app'], { cwd })).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/did you mean 'ready-timeout'/),
    })
    for (const apps of [{ '../app': {} }, { app: 1 }, {}, { app: { 'state-dir': 1 } }]) {
      write({ 'state-dir': stateDir, apps })
      expect(await autoup(['status', 'app'], { cwd }), JSON.stringify(apps)).toMatchObject({ code: 2 })
    }
  })

  test('do not mind a bad file where the words say it all', async () => {
    const { stateDir } = await fakeMaster()
    write('{')
    expect(await autoup(['status', 'app'], { cwd })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(':1:2:'),
    })
    expect(await autoup(['status', '--state-dir', stateDir], { cwd })).toMatchObject({ code: 0 })
  })
})
