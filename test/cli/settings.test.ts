import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { environmentName, type Input } from '../../src/cli/command.ts'
import type { Io } from '../../src/cli/io.ts'
import { quickParse } from '../../src/cli/quick-parse.ts'
import { run } from '../../src/cli/run.ts'
import { RUN_OPTIONS } from '../../src/cli/run-options.ts'
import { buildSettings } from '../../src/cli/settings.ts'
import { AutoupError } from '../../src/core/errors.ts'
import { DEFAULTS } from '../../src/core/settings.ts'
import { temporaryDirectory } from './fake-master.ts'
import { memory, nowhere } from './terminal.ts'

function settings(words: string, own: Partial<Io> = {}): ReturnType<typeof buildSettings> {
  const input = quickParse(run, words.split(' ').filter(Boolean)) as Input
  expect(input).not.toBeNull()
  return buildSettings(input, { ...nowhere(), ...own })
}

const COMMAND = '-- node server.js'
const FETCH = '--fetch github:org/app'

test('what is not said has its default', () => {
  expect(settings(COMMAND)).toEqual({
    name: 'server',
    stateDir: '/var/lib/autoup',
    source: null,
    command: ['node', 'server.js'],
    directory: '/',
    listen: [],
    instances: 1,
    strategy: 'blue-green',
    intervalMs: null,
    ready: { kind: 'auto' },
    readyTimeoutMs: DEFAULTS.readyTimeoutMs,
    drainTimeoutMs: DEFAULTS.drainTimeoutMs,
    drainSignal: null,
    probationMs: DEFAULTS.probationMs,
    preflight: null,
    beforePromote: null,
    afterCommit: null,
    afterRollback: null,
    hookTimeoutMs: DEFAULTS.hookTimeoutMs,
    user: null,
    envFile: null,
    preload: true,
    respawn: true,
    watchdogMs: null,
    sha256: null,
    tokenFile: null,
    publicKey: null,
    minAgeMs: 0,
    allowUnverified: false,
    allowDowngrade: false,
    keep: DEFAULTS.keep,
    logFormat: 'json',
    metrics: null,
    embedded: null,
    dev: false,
  })
})

test('every option arrives', () => {
  const envFile = join(temporaryDirectory(), 'env')
  writeFileSync(envFile, 'A=1\n')
  const tokenFile = join(temporaryDirectory(), 'token')
  writeFileSync(tokenFile, 'ghp_1\n')
  const words = `${FETCH} --token-file ${tokenFile} --listen http=8080 --listen unix:/run/app.sock --name shop --instances 4 --strategy rolling
    --interval 5m --ready http:/up --ready-timeout 1m --drain-timeout 0 --drain-signal quit --probation 3s
    --preflight ./check --before-promote ./ask --after-commit ./tell --after-rollback ./cry --hook-timeout 5s --user root --env-file ${envFile} --no-respawn --watchdog 10s --sha256 ${'Ab'.repeat(32)} --keep 0
    --state-dir /s --log-format journal --metrics *:9090?host=web1 -- ./app --port 1`
  expect(settings(words.replace(/\s+/g, ' '))).toMatchObject({
    name: 'shop',
    stateDir: '/s',
    source: 'github:org/app',
    command: ['./app', '--port', '1'],
    listen: [
      { name: 'http', address: { port: 8080 } },
      { name: 'app.sock', address: { path: '/run/app.sock' } },
    ],
    instances: 4,
    strategy: 'rolling',
    intervalMs: 300_000,
    ready: { kind: 'http', path: '/up' },
    readyTimeoutMs: 60_000,
    drainTimeoutMs: 0,
    drainSignal: 'SIGQUIT',
    probationMs: 3_000,
    preflight: './check',
    beforePromote: './ask',
    afterCommit: './tell',
    afterRollback: './cry',
    hookTimeoutMs: 5_000,
    user: 'root',
    envFile,
    respawn: false,
    watchdogMs: 10_000,
    sha256: 'ab'.repeat(32),
    tokenFile,
    keep: 0,
    logFormat: 'journal',
    metrics: { address: { family: 'tcp', host: null, port: 9090 }, hosts: ['web1'] },
  })
})

describe('the environment', () => {
  test('every option but the name of the state has a variable, and none is of the worker contract', () => {
    const contract = /^AUTOUP_(STATE|VERSION|BUILD.*|DATA_DIR|GENERATION|PID|NOTIFY|PORT)$/
    for (const option of RUN_OPTIONS) expect(environmentName(option)).not.toMatch(contract)
  })

  test('fills in what the command line leaves out, and gives way to it', () => {
    const env = {
      AUTOUP_READY_TIMEOUT: '7s',
      AUTOUP_PROBATION: '8s',
      AUTOUP_LISTEN: ' 8080  8081 ',
      AUTOUP_NAME: 'shop',
    }
    expect(settings(`--probation 9s ${COMMAND}`, { env })).toMatchObject({
      name: 'shop',
      readyTimeoutMs: 7_000,
      probationMs: 9_000,
      listen: [{ address: { port: 8080 } }, { address: { port: 8081 } }],
    })
    expect(settings(`--listen 9090 ${COMMAND}`, { env }).listen).toMatchObject([{ address: { port: 9090 } }])
  })

  test('an empty variable is absent', () => {
    expect(settings(COMMAND, { env: { AUTOUP_LISTEN: '', AUTOUP_INSTANCES: '' } })).toMatchObject({ instances: 1 })
  })

  test('of a worker is not taken for options', () => {
    const env = {
      AUTOUP_NAME: 'outer',
      AUTOUP_STATE: '/outer',
      AUTOUP_VERSION: '1',
      AUTOUP_BUILD: 'sha256-1',
      AUTOUP_BUILD_DIR: '/b',
      AUTOUP_DATA_DIR: '/d',
      AUTOUP_GENERATION: '2',
      AUTOUP_PID: '3',
      AUTOUP_NOTIFY: '/n',
      AUTOUP_PORT: '4',
    }
    expect(settings(COMMAND, { env })).toEqual(settings(COMMAND))
  })

  test.each([
    ['1', false],
    ['yes', false],
    ['0', true],
    ['false', true],
    ['', true],
  ])('AUTOUP_NO_RESPAWN=%s', (value, respawn) => {
    expect(settings(COMMAND, { env: { AUTOUP_NO_RESPAWN: value } })).toMatchObject({ respawn })
  })

  test('mistakes in it name the variable', () => {
    const refused = () => settings(COMMAND, { env: { AUTOUP_READY_TIMEOUT: '30' } })
    expect(refused).toThrow(/^AUTOUP_READY_TIMEOUT: '30' is not a duration/)
  })
})

describe('mistakes', () => {
  test.each<[string, RegExp]>([
    [`--listen nowhere ${COMMAND}`, /^--listen: cannot listen on 'nowhere'/],
    [`--listen 8080 --listen 8080 ${COMMAND}`, /two listeners have the address \*:8080: leave one out/],
    [`--listen 127.0.0.1:80 --listen [::1]:80 ${COMMAND}`, /two listeners are named 'port-80'/],
    [`--instances 0 ${COMMAND}`, /^--instances: .*1 to 1000/],
    [`--instances 1001 ${COMMAND}`, /1 to 1000/],
    [`--instances 1.5 ${COMMAND}`, /1 to 1000/],
    [`--strategy purple ${COMMAND}`, /blue-green, rolling or exclusive/],
    [`--log-format xml ${COMMAND}`, /pretty, journal or json/],
    [`--ready maybe ${COMMAND}`, /notify/],
    [`--ready-timeout 0 ${COMMAND}`, /too short/],
    [`--watchdog 30d ${COMMAND}`, /too long/],
    [`--probation 10 ${COMMAND}`, /'10' is not a duration/],
    [`--interval 1ms ${FETCH}`, /too short/],
    [`--drain-signal SIGFOO ${COMMAND}`, /SIGFOO/],
    [`--drain-signal KILL ${COMMAND}`, /finish/],
    [`--user nobody-such ${COMMAND}`, /nobody-such/],
    [`--env-file /nonexistent/env ${COMMAND}`, /\/nonexistent\/env/],
    [`--sha256 abc ${FETCH}`, /64/],
    [`--keep many ${FETCH}`, /0 to 1000/],
    [`--name ../x ${COMMAND}`, /cannot be the name/],
    ['--fetch file:/ ', /--name/],
    ['--fetch github:', /not a release source/],
    ...['--interval 5s', `--sha256 ${'a'.repeat(64)}`, '--preflight true', '--keep 1'].map(
      (option): [string, RegExp] => [`${option} ${COMMAND}`, /about a release source/],
    ),
  ])('%s', (words, message) => {
    let error: unknown
    try {
      settings(words)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(AutoupError)
    expect((error as AutoupError).message).toMatch(message)
    expect(['usage', 'config']).toContain((error as AutoupError).code)
    expect((error as AutoupError).message).not.toContain('\n')
  })

  test('options of the source in the environment do no harm to a command', () => {
    expect(settings(COMMAND, { env: { AUTOUP_INTERVAL: '5s' } })).toMatchObject({ intervalMs: 5_000 })
  })
})

describe('the log format nobody asked for', () => {
  test('is pretty on a terminal, and json where stderr is not the journal', () => {
    expect(settings(COMMAND, { stderr: memory(true) }).logFormat).toBe('pretty')
    expect(settings(COMMAND, { env: { JOURNAL_STREAM: '1:1' } }).logFormat).toBe('json')
  })

  test('is journal where stderr is the journal', async () => {
    const { fstatSync } = await import('node:fs')
    const { dev, ino } = fstatSync(2)
    expect(settings(COMMAND, { env: { JOURNAL_STREAM: `${dev}:${ino}` } }).logFormat).toBe('journal')
  })
})
