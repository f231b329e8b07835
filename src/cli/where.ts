/**
 * Which state directory and which service a command means. The flag, then `AUTOUP_STATE_DIR` and `AUTOUP_NAME`, then
 * the configuration file, then the default. In a worker AUTOUP_NAME is something else: the name of its own service
 * (DESIGN.md section 4). It, and what else is called as an option is, is one only where nothing there marks a worker.
 */

import { resolve } from 'node:path'
import { AutoupError } from '../core/errors.ts'
import { checkName } from '../core/name.ts'
import { type FileLayer, type Input, lastValue, type OptionSpec } from './command.ts'
import type { Environment, Io } from './io.ts'

export const STATE_DIR: OptionSpec = {
  flag: 'state-dir',
  value: 'DIR',
  help: 'where builds and state are kept',
  default: '$STATE_DIRECTORY, else /var/lib/autoup as root, else ~/.local/state/autoup',
  hasVariable: true,
}

export const CONFIG: OptionSpec = {
  flag: 'config',
  value: 'FILE',
  help: 'the configuration',
  default: 'autoup.config.json in the working directory, where there is one',
  hasVariable: true,
}

/** Where a command finds its service. */
export const PLACE: readonly OptionSpec[] = [CONFIG, STATE_DIR]

/** A process that has one of these is a worker, or was started by one. */
const WORKER_MARKS = [
  'AUTOUP_PID',
  'AUTOUP_STATE',
  'AUTOUP_MASTER',
  'AUTOUP_WORKER',
  'AUTOUP_BUILD',
  'AUTOUP_GENERATION',
]

/** Beside a mark they are said to the worker; elsewhere they are options. */
const OF_BOTH = ['AUTOUP_NAME', 'AUTOUP_READY', 'AUTOUP_DRAIN_SIGNAL']

/** The rest of the contract, and what a supervisor says to one process alone (sd_listen_fds(3), sd_notify(3)). */
const OF_ONE_PROCESS =
  /^(?:AUTOUP_(?:VERSION|BUILD_DIR|DATA_DIR|NOTIFY|PORT|DRAIN_TIMEOUT_USEC)|LISTEN_(?:PID|FDS|FDNAMES)|NOTIFY_SOCKET|WATCHDOG_(?:PID|USEC))$/

/** Absolute. */
export function stateDirectory(
  input: Input,
  io: Pick<Io, 'env' | 'cwd' | 'isRoot'>,
  app: FileLayer | null = null,
): string {
  const { env, cwd, isRoot } = io
  const given = stateDirectoryGiven(input, io)
  if (given) return resolve(cwd, given)
  const configured = app?.values.get(STATE_DIR.flag)?.values.at(-1)
  if (app && configured) return resolve(app.directory, configured)
  // systemd.exec(5): a list when there are several StateDirectory=; the first is the one to write to.
  const granted = env.STATE_DIRECTORY?.split(':')[0]
  if (granted) return resolve(cwd, granted)
  if (isRoot) return '/var/lib/autoup'
  // XDG Base Directory Specification: a relative path there is to be ignored.
  const state = env.XDG_STATE_HOME?.startsWith('/') ? env.XDG_STATE_HOME : resolve(env.HOME || cwd, '.local/state')
  return resolve(state, 'autoup')
}

/** As it was given: by the flag, or in the environment. Throws AutoupError `usage`. */
export function stateDirectoryGiven(input: Input, { env }: Pick<Io, 'env'>): string | undefined {
  const flag = lastValue(input, STATE_DIR.flag)
  // As of a variable of the shell that is not set: nobody means the default by it.
  if (flag === '') throw new AutoupError('usage', '--state-dir needs a directory: write one, or leave it out')
  return flag ?? (env.AUTOUP_STATE_DIR || undefined)
}

/** The service a command is to talk to, or undefined: the only one that runs. Throws AutoupError `usage`. */
export function serviceGiven(input: Input, io: Pick<Io, 'env'>): string | undefined {
  const name = input.name ?? fromEnvironment(io.env, 'AUTOUP_NAME')
  return name === undefined ? undefined : checkName(name)
}

/** For a service that is started from here and is nobody's worker, also where this process is one. */
export function withoutContract(env: Environment): Environment {
  const isOfContract = (key: string): boolean =>
    WORKER_MARKS.includes(key) || OF_ONE_PROCESS.test(key) || isOfWorker(env, key)
  return Object.fromEntries(Object.entries(env).filter(([key]) => !isOfContract(key)))
}

/** An option by the name of its variable. An empty one counts as absent. */
export function fromEnvironment(env: Environment, variable: string): string | undefined {
  return isOfWorker(env, variable) ? undefined : env[variable] || undefined
}

function isOfWorker(env: Environment, variable: string): boolean {
  return OF_BOTH.includes(variable) && WORKER_MARKS.some((mark) => env[mark])
}
