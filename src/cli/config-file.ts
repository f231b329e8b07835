/**
 * `autoup.config.json`: options of `autoup run` under their own names, for one app at the top or for several under
 * `apps`; what stands beside `apps` holds for each of them. Here it is read and its form checked, as a whole: keys and
 * types against the table of options, names, and ports that two apps would both want. What the values mean is settled
 * where those of the command line are (settings.ts).
 */

import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { AutoupError, errnoOf } from '../core/errors.ts'
import { jsonProblem } from '../core/json-problem.ts'
import { checkName } from '../core/name.ts'
import { nearest } from '../core/nearest.ts'
import type { FileLayer, FileValue } from './command.ts'
import { APP_KEYS, COMMAND_KEY, type ConfigKey, SHARED_KEYS } from './config-keys.ts'
import { refuseSamePort } from './config-ports.ts'
import type { ConfigPath } from './find-service.ts'
import { NAME } from './run-options.ts'

export interface ConfigFile extends ConfigPath {
  /** At least one. */
  readonly apps: readonly FileLayer[]
  /** What stands beside `apps`; null where there is one app at the top. */
  readonly shared: FileLayer | null
}

type JsonObject = Readonly<Record<string, unknown>>

/** Nothing that is written by hand is longer. */
const LONGEST_BYTES = 1024 * 1024

/** Throws AutoupError `config` with the place of the mistake. */
export function readConfig(path: ConfigPath): ConfigFile {
  const value = parse(read(path), path.shown)
  if (!isObject(value)) throw wrong(path.shown, '', 'the whole of it must be an object {…}', value)
  const file = { file: path.shown, directory: dirname(path.path) }
  const { $schema, apps, ...options } = value
  if ($schema !== undefined && typeof $schema !== 'string')
    throw wrong(path.shown, '$schema', 'must be a text', $schema)
  if (apps === undefined) {
    const only = layer(options, APP_KEYS, path.shown, '')
    const name = only.values.get(NAME.flag)
    if (name) inPlace(name.place, () => checkName(name.values.join()))
    return { ...path, apps: [{ ...file, key: null, ...only }], shared: null }
  }
  if (!isObject(apps) || Object.keys(apps).length === 0) {
    throw wrong(path.shown, 'apps', 'must be an object with a key for each app', apps)
  }
  const shared = layer(options, SHARED_KEYS, path.shown, '')
  const all = Object.entries(apps).map(([key, app]) => {
    const at = `apps.${shownKey(key)}`
    if (!isObject(app)) throw wrong(path.shown, at, 'must be an object with the options of this app', app)
    inPlace(`${path.shown}: apps`, () => checkName(key))
    const own = layer(app, SHARED_KEYS, path.shown, at)
    const inherited = [...shared.values].map(([flag, each]) => [flag, { ...each, isShared: true }] as const)
    const command = own.command.length > 0 ? own.command : shared.command
    return { ...file, key, command, values: new Map([...inherited, ...own.values]) }
  })
  refuseSamePort(all)
  return { ...path, apps: all, shared: { ...file, key: null, ...shared } }
}

function layer(
  options: JsonObject,
  keys: ReadonlyMap<string, ConfigKey>,
  file: string,
  path: string,
): Pick<FileLayer, 'values' | 'command'> {
  const values = new Map<string, FileValue>()
  let command: readonly string[] = []
  for (const [name, value] of Object.entries(options)) {
    const at = path === '' ? shownKey(name) : `${path}.${shownKey(name)}`
    const key = keys.get(name)
    if (!key) throw unknownKey(file, path, name, keys)
    const { item } = key
    if (item && Array.isArray(value)) {
      const index = value.findIndex((each) => !item.takes(each))
      if (index >= 0) throw wrong(file, `${at}[${index}]`, `must be ${item.form}`, value[index])
    }
    if (!key.takes(value)) throw wrong(file, at, `must be ${key.form}`, value)
    const words = (Array.isArray(value) ? value : [value]).map(String)
    if (name === COMMAND_KEY) command = words
    else values.set(name, { values: words, place: `${file}: ${at}`, isShared: false })
  }
  return { values, command }
}

function read({ path, shown }: ConfigPath): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (cause) {
    const errno = errnoOf(cause)
    const why = errno === 'ENOENT' ? 'there is no such file' : errno === 'EACCES' ? 'permission denied' : errno
    throw new AutoupError('config', `cannot read the configuration ${shown}: ${why}`, { cause })
  }
  if (bytes.length > LONGEST_BYTES) throw new AutoupError('config', `${shown} is too long for a configuration`)
  return bytes.toString('utf8').replace(/^\uFEFF/, '')
}

function parse(text: string, shown: string): unknown {
  const problem = jsonProblem(text)
  if (!problem) return JSON.parse(text)
  throw new AutoupError('config', `${shown}:${problem.line}:${problem.column}: this is not JSON: ${problem.what}`)
}

function unknownKey(file: string, path: string, name: string, keys: ReadonlyMap<string, ConfigKey>): AutoupError {
  const where = path === '' ? '' : ` in ${path}`
  // As JavaScript would write it: readyTimeout.
  const kebab = name.replaceAll('_', '-').replace(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  const near = nearest(kebab, keys.keys())
  const advice =
    name === 'name' && keys === SHARED_KEYS
      ? 'under apps the key of an app is its name'
      : near === null
        ? 'the keys are the options of `autoup run --help`'
        : `did you mean '${near}'?`
  return new AutoupError('config', `${file}: there is no option ${shownKey(name)}${where}: ${advice}`)
}

function wrong(file: string, path: string, what: string, value: unknown): AutoupError {
  return new AutoupError('config', `${file}: ${path === '' ? '' : `${path} `}${what}, not ${kindOf(value)}`)
}

function inPlace(place: string, check: () => void): void {
  try {
    check()
  } catch (error) {
    if (!(error instanceof AutoupError)) throw error
    throw new AutoupError('config', `${place}: ${error.message}`, { cause: error })
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (isObject(value)) return Object.keys(value).length === 0 ? 'an empty object' : 'an object'
  if (typeof value === 'boolean') return String(value)
  return typeof value === 'number' ? `the number ${value}` : 'a text'
}

/** Keys that are no plain words are quoted. */
function shownKey(key: string): string {
  return /^[\w$.-]+$/.test(key) ? key : JSON.stringify(key.slice(0, 60))
}
