/**
 * `autoup unit`: the words of an `autoup run` as a unit of systemd. Everything is checked here as `run` would check it;
 * what stands in the environment becomes options, what stands in a configuration file stays there, and paths become
 * absolute, for a unit starts elsewhere. --user becomes User=, and --token-file a credential of the unit. What is not
 * said is as it would be for that `autoup run`: the user who asks, and the variables that say how the source is
 * reached.
 */

import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NPM_SETTINGS } from '../../fetchers/npm/environment.ts'
import { AutoupError, messageOf } from '../core/errors.ts'
import type { Settings } from '../core/settings.ts'
import { type UnitFile, type UnitPlan, unitFiles } from '../core/systemd-unit.ts'
import { OF_SOURCES } from '../runtime/stager/source-environment.ts'
import { PROBE } from '../runtime/workers/doors.ts'
import { absoluteSource } from './absolute-source.ts'
import { type CommandSpec, has, lastValue, type OptionSpec } from './command.ts'
import type { Io } from './io.ts'
import { type Loaded, loadSettings } from './load-settings.ts'
import { given, type Layers, optionReader } from './option-reader.ts'
import { FETCH, NAME, PUBLIC_KEY, RUN_OPTIONS, TOKEN_FILE } from './run-options.ts'
import { CONFIG, STATE_DIR } from './where.ts'

const GROUP = 'The unit'

/** Said by the unit in other words. */
const OWN: ReadonlySet<string> = new Set([NAME.flag, STATE_DIR.flag, TOKEN_FILE.flag, 'user', 'log-format'])

const PATHS: ReadonlySet<string> = new Set([CONFIG.flag, 'env-file'])

export const unit: CommandSpec = {
  name: 'unit',
  description:
    'Writes a unit of systemd for this `autoup run`: Type=notify, a watchdog, workers that outlive a killed master, time to drain, and what can be taken away from an ordinary service.',
  takes: 'command',
  options: [
    { flag: 'socket', help: 'also a socket unit for each listener: systemd holds it while nothing runs', group: GROUP },
    { flag: 'output', value: 'DIR', help: 'write NAME.service there', default: 'to stdout', group: GROUP },
    ...RUN_OPTIONS,
  ],
  examples: [
    ['autoup unit --fetch github:org/app --listen 8080 --user app', 'look at it first'],
    [
      'autoup unit --socket --output /etc/systemd/system --listen 80 --user www-data -- /usr/bin/gunicorn app:app',
      'gunicorn.service and gunicorn.socket',
    ],
  ],
  async run(input, io) {
    const loaded = await loadSettings(input, io)
    const files = unitFiles(planOf(loaded, io))
    const folder = lastValue(input, 'output')
    if (folder !== undefined) return await write(files, resolve(io.cwd, folder), loaded.settings.name, io)
    const [service, ...sockets] = files
    if (sockets.length > 0) {
      throw new AutoupError('usage', '--socket makes more than one file: give a folder with --output')
    }
    io.stdout.write(service?.text ?? '')
    return 0
  },
}

function planOf({ settings, input }: Loaded, io: Io): UnitPlan {
  const layers = { input, io, app: null }
  const value = (flag: string): string | null => given(layers, flag)?.values.at(-1) ?? null
  const [user = null, group = null] = (value('user') ?? (io.isRoot ? null : ownUser()))?.split(':') ?? []
  const token = value(TOKEN_FILE.flag)
  const stateDir = value(STATE_DIR.flag)
  const options = RUN_OPTIONS.filter(({ flag }) => !OWN.has(flag)).flatMap((option) => wordsOf(option, layers))
  const listen = settings.listen.filter(({ name }) => name !== PROBE)
  const autoup = [process.execPath, installedProgram()] as const
  const directory = settings.source === null ? settings.directory : null
  const isSocketActivated = has(input, 'socket')
  if (isSocketActivated) refuseWithoutSocket(listen)
  return {
    name: settings.name,
    autoup,
    options,
    command: input.command,
    stateDir: stateDir === null ? null : resolve(io.cwd, stateDir),
    ...{ directory, user, group, listen, isSocketActivated },
    environment: settings.source === null ? [] : environmentOf(settings.source, io),
    credential: token === null ? null : resolve(io.cwd, token),
    readyTimeoutMs: settings.readyTimeoutMs,
    drainTimeoutMs: settings.drainTimeoutMs,
    usesTmp: [...autoup, ...options, ...input.command, directory ?? '', stateDir ?? ''].some((word) =>
      /\/tmp\b/.test(word),
    ),
  }
}

/** By name, or where passwd(5) has none, as in a container, by number. */
function ownUser(): string {
  try {
    return userInfo().username
  } catch {
    return `${process.geteuid?.()}:${process.getegid?.()}`
  }
}

/** `NAME=value` of how the source is reached. */
function environmentOf(source: string, { env, stderr }: Io): string[] {
  const kinds = source.startsWith('npm:') ? [OF_SOURCES, NPM_SETTINGS] : [OF_SOURCES]
  const found = Object.entries(env).filter(([name, value]) => Boolean(value) && kinds.some((kind) => kind.test(name)))
  return found.flatMap(([name, value = '']) => {
    const obstacle = obstacleTo(name, value)
    if (obstacle === null) return `${name}=${value}`
    stderr.write(`autoup: ${name} is not written into the unit: ${obstacle}\n`)
    return []
  })
}

function obstacleTo(name: string, value: string): string | null {
  // A proxy may be written without a scheme.
  if (/^(?:[a-z]+:\/\/)?[^/]*@/i.test(value))
    return 'it holds a login, and everybody may read a unit; see systemd.exec(5), EnvironmentFile='
  // environ(7)
  if (!/^\w+$/.test(name)) return 'systemd takes no variable of that name; say it in the .npmrc of that user'
  return null
}

/** As it is to stand in the unit: an option that was given, whatever the place, with its paths made absolute. */
function wordsOf({ flag, value: placeholder }: OptionSpec, layers: Layers): string[] {
  if (placeholder === undefined) return optionReader(layers).isOn(flag) ? [`--${flag}`] : []
  return (given(layers, flag)?.values ?? []).flatMap((value) => {
    const absolute = absoluteOf(flag, value, layers.io.cwd)
    return absolute.startsWith('-') ? [`--${flag}=${absolute}`] : [`--${flag}`, absolute]
  })
}

function absoluteOf(flag: string, value: string, cwd: string): string {
  if (PATHS.has(flag)) return resolve(cwd, value)
  if (flag === PUBLIC_KEY.flag) return existsSync(resolve(cwd, value)) ? resolve(cwd, value) : value
  return flag === FETCH.flag ? absoluteSource(value, cwd) : value
}

function refuseWithoutSocket(listen: Settings['listen']): void {
  if (listen.length === 0) {
    throw new AutoupError('usage', '--socket is about listeners, and there are none: give one with --listen')
  }
  const any = listen.find(({ address }) => address.family === 'tcp' && address.port === 0)
  if (any) throw new AutoupError('usage', `systemd cannot open the listener '${any.name}': give it a port`)
}

/** Not the name it was called by: a unit has another PATH. From the sources it is the one that was built. */
function installedProgram(): string {
  const path = import.meta.url.endsWith('.ts') ? '../../dist/bin/autoup.js' : '../../bin/autoup.js'
  return fileURLToPath(new URL(path, import.meta.url))
}

async function write(files: readonly UnitFile[], folder: string, name: string, io: Io): Promise<number> {
  const { writeAtomically } = await import('../system/atomic.ts')
  for (const { name: file, text } of files) {
    try {
      writeAtomically(`${folder}/${file}`, text, 0o644)
    } catch (cause) {
      throw new AutoupError('failed', `cannot write ${folder}/${file}: ${messageOf(cause)}`, { cause })
    }
    io.stderr.write(`${folder}/${file}\n`)
  }
  io.stderr.write(`next: systemctl daemon-reload && systemctl enable --now ${name}\n`)
  return 0
}
