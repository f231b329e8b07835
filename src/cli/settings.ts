/**
 * From what was typed to `Settings`: every value checked, every default filled in, before anything is touched. What
 * is wrong is one sentence that names the option or the variable, and exit status 2.
 */

import { resolve } from 'node:path'
import { type ListenSpec, parseListen, refuseTwins } from '../core/address.ts'
import { parseDuration } from '../core/duration.ts'
import { AutoupError } from '../core/errors.ts'
import { checkName } from '../core/name.ts'
import { isSamePort, type PageAddress, parsePageAddress } from '../core/page-address.ts'
import { DEFAULTS, LIMITS, LOG_FORMATS, type Settings, STRATEGIES } from '../core/settings.ts'
import { tokenFor } from '../runtime/stager/token.ts'
import { readEnvFile } from '../system/environment.ts'
import { signalName } from '../system/signals.ts'
import { lookUpUser } from '../system/user.ts'
import { absoluteSource } from './absolute-source.ts'
import { type FileLayer, type Input, lastValue } from './command.ts'
import { CONFIG_FILE } from './find-service.ts'
import type { Io } from './io.ts'
import { defaultLogFormat } from './log-format.ts'
import { type OptionReader, optionReader } from './option-reader.ts'
import { parseReady } from './parse-ready.ts'
import { serviceName } from './service-name.ts'
import { stateDirectory } from './where.ts'

/** More builds than this on disk is a typo. */
const KEEP_MAX = 1_000
/** Below this a source is asked without a pause. */
const INTERVAL_MIN_MS = 100
const HOOKS = ['before-promote', 'after-commit', 'after-rollback', 'hook-timeout'] as const
/** Options of the source; without --fetch they would do nothing. */
const NEEDS_FETCH = [
  'sha256',
  'token-file',
  'public-key',
  'min-age',
  'interval',
  'preflight',
  'keep',
  ...HOOKS,
] as const

/** `app` is what a configuration file says. Throws AutoupError `usage` or `config`. */
export function buildSettings(input: Input, io: Io, app: FileLayer | null = null): Settings {
  const options = optionReader({ input, io, app })
  const source = options.read('fetch', (text, base) => parseSource(text, base === io.cwd ? null : base), null)
  const isOwnCommand = input.command.length > 0 || app === null
  const command = isOwnCommand ? input.command : app.command
  if (source === null && command.length === 0) throw nothing(input, app)
  refuseWithoutEffect(input, app, source)
  const listen = options.readAll('listen', parseListen)
  refuseTwins(listen)
  return {
    name: nameGiven(input, options) ?? app?.key ?? nameFor(source, command),
    stateDir: stateDirectory(input, io, app),
    source,
    command,
    directory: isOwnCommand ? io.cwd : app.directory,
    listen,
    instances: options.read('instances', (text) => whole('instances', text, 1, LIMITS.instances), DEFAULTS.instances),
    strategy: options.read('strategy', (text) => oneOf('a strategy', text, STRATEGIES), DEFAULTS.strategy),
    intervalMs: duration(options, 'interval', null, INTERVAL_MIN_MS),
    ready: options.read('ready', parseReady, { kind: 'auto' }),
    readyTimeoutMs: duration(options, 'ready-timeout', DEFAULTS.readyTimeoutMs, 1),
    drainTimeoutMs: duration(options, 'drain-timeout', DEFAULTS.drainTimeoutMs, 0),
    drainSignal: options.read('drain-signal', parseDrainSignal, null),
    probationMs: duration(options, 'probation', DEFAULTS.probationMs, 0),
    preflight: options.read('preflight', (text) => text, null),
    beforePromote: options.read('before-promote', (text) => text, null),
    afterCommit: options.read('after-commit', (text) => text, null),
    afterRollback: options.read('after-rollback', (text) => text, null),
    hookTimeoutMs: duration(options, 'hook-timeout', DEFAULTS.hookTimeoutMs, 1),
    user: options.read('user', parseUser, null),
    envFile: options.read('env-file', (text, base) => readable(resolve(base, text)), null),
    preload: !options.isOn('no-preload'),
    respawn: !options.isOn('no-respawn'),
    watchdogMs: duration(options, 'watchdog', null, 1),
    sha256: options.read('sha256', parseSha256, null),
    tokenFile: options.read('token-file', (text, base) => tokenFile(resolve(base, text)), null),
    publicKey: options.read('public-key', (text) => text, null),
    minAgeMs: duration(options, 'min-age', 0, 0),
    allowUnverified: options.isOn('allow-unverified'),
    allowDowngrade: options.isOn('allow-downgrade'),
    keep: options.read('keep', (text) => whole('keep', text, 0, KEEP_MAX), DEFAULTS.keep),
    logFormat: options.read('log-format', (text) => oneOf('a log format', text, LOG_FORMATS), defaultLogFormat(io)),
    metrics: options.read('metrics', (text) => pageApart(parsePageAddress(text), listen), null),
    embedded: null,
    dev: false,
  }
}

function nothing({ name }: Input, app: FileLayer | null): AutoupError {
  if (app) {
    const whose = app.key === null ? '' : ` for '${app.key}'`
    return new AutoupError('config', `${app.file} says nothing to run${whose}: give it a "fetch" or a "command"`)
  }
  if (name !== undefined) {
    const advice = `put -- before a command, as in \`-- ${/\.[cm]?js$/.test(name) ? 'node ' : ''}${name}\``
    return new AutoupError('usage', `there is no ${CONFIG_FILE} here that says what '${name}' is; ${advice}`)
  }
  const forms = '`--fetch github:owner/repo` or `-- node server.js`'
  return new AutoupError('usage', `there is nothing to run: give a release source or a command, such as ${forms}`)
}

/** What the environment or a file says for all apps may do nothing for one of them. */
function refuseWithoutEffect(input: Input, app: FileLayer | null, source: string | null): void {
  if (source !== null) return
  const idle = NEEDS_FETCH.find((flag) => lastValue(input, flag) !== undefined)
  if (idle !== undefined) {
    throw new AutoupError('usage', `--${idle} is about a release source: give one with --fetch, or leave it out`)
  }
  const own = NEEDS_FETCH.map((flag) => app?.values.get(flag)).find((value) => value?.isShared === false)
  if (own)
    throw new AutoupError('config', `${own.place} is about a release source: give one as "fetch", or leave it out`)
}

/**
 * The scheme is known to the fetchers; here only what can be none. A path is relative to `base`, where that is given.
 */
function parseSource(text: string, base: string | null): string {
  if (/\s/.test(text) || text.endsWith(':')) {
    throw new AutoupError(
      'usage',
      `'${text}' is not a release source: write file:PATH, https://…, github:owner/repo or npm:package`,
    )
  }
  return base === null ? text : absoluteSource(text, base)
}

/** The word beside the command is the name of the service, as with all other commands. */
function nameGiven(input: Input, options: OptionReader): string | null {
  const name = options.read('name', checkName, null)
  if (input.name === undefined || input.options.has('name')) return name
  return checkName(input.name)
}

function nameFor(source: string | null, command: readonly string[]): string {
  const name = serviceName(source, command)
  if (name !== null) return name
  const from = source ?? command.join(' ')
  throw new AutoupError('usage', `cannot make a name from '${from}': give one with --name`)
}

function pageApart(page: PageAddress, listen: readonly ListenSpec[]): PageAddress {
  const twin = listen.find(({ address }) => isSamePort(page, address))
  if (twin === undefined) return page
  throw new AutoupError(
    'usage',
    `the port ${page.address.port} is the service's own (${twin.name}): choose another one`,
  )
}

function duration<F extends number | null>(
  options: OptionReader,
  flag: string,
  fallback: F,
  least: number,
): number | F {
  return options.read(
    flag,
    (text) => {
      const ms = parseDuration(text)
      if (ms >= least) return ms
      throw new AutoupError('usage', `'${text}' is too short: the least is ${least}ms`)
    },
    fallback,
  )
}

function whole(what: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (/^\d{1,9}$/.test(text) && value >= least && value <= most) return value
  throw new AutoupError('usage', `'${text}' is not a number of ${what}: write one from ${least} to ${most}`)
}

function oneOf<T extends string>(what: string, text: string, all: readonly T[]): T {
  const found = all.find((each) => each === text)
  if (found !== undefined) return found
  const list = `${all.slice(0, -1).join(', ')} or ${all.at(-1)}`
  throw new AutoupError('usage', `'${text}' is not ${what}: write ${list}`)
}

function parseDrainSignal(text: string): string {
  const signal = signalName(text)
  if (signal !== 'SIGKILL' && signal !== 'SIGSTOP') return signal
  throw new AutoupError('usage', `${signal} lets nobody finish: take one that a worker can hear, or --drain-timeout 0`)
}

/** Looked up again when workers start; here so that a typo is told before anything runs. */
function parseUser(text: string): string {
  lookUpUser(text)
  return text
}

/** As above. */
function readable(path: string): string {
  readEnvFile(path)
  return path
}

/** As above: read anew for each check. */
function tokenFile(path: string): string {
  tokenFor('', { file: path, env: {} })
  return path
}

/** 64 hex digits in lower case. */
function parseSha256(text: string): string {
  const [, hex] = /^(?:sha256[-:])?([0-9a-f]{64})$/i.exec(text) ?? []
  if (hex !== undefined) return hex.toLowerCase()
  throw new AutoupError('usage', `'${text}' is not a sha256 digest: write its 64 hexadecimal digits`)
}
