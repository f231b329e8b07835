/**
 * Which state directory and which service a command means. The flag, then `AUTOUP_STATE_DIR` and `AUTOUP_NAME`, then
 * the default. In a worker AUTOUP_NAME is something else: the name of its own service (DESIGN.md section 4). It is
 * taken for an option only where no other variable of that contract is there.
 */

import { resolve } from 'node:path'
import { checkName } from '../core/name.ts'
import { type Input, lastValue, type OptionSpec } from './command.ts'
import type { Environment, Io } from './io.ts'

export const STATE_DIR: OptionSpec = {
  flag: 'state-dir',
  value: 'DIR',
  help: 'where builds and state are kept',
  default: '$STATE_DIRECTORY, else /var/lib/autoup as root, else ~/.local/state/autoup',
}

const WORKER_CONTRACT = ['AUTOUP_PID', 'AUTOUP_STATE', 'AUTOUP_BUILD', 'AUTOUP_GENERATION']

/** Absolute. */
export function stateDirectory(input: Input, io: Pick<Io, 'env' | 'cwd' | 'isRoot'>): string {
  const { env, cwd, isRoot } = io
  const given = lastValue(input, STATE_DIR.flag) || env.AUTOUP_STATE_DIR
  if (given) return resolve(cwd, given)
  // systemd.exec(5): a list when there are several StateDirectory=; the first is the one to write to.
  const granted = env.STATE_DIRECTORY?.split(':')[0]
  if (granted) return resolve(cwd, granted)
  if (isRoot) return '/var/lib/autoup'
  // XDG Base Directory Specification: a relative path there is to be ignored.
  const state = env.XDG_STATE_HOME?.startsWith('/') ? env.XDG_STATE_HOME : resolve(env.HOME || cwd, '.local/state')
  return resolve(state, 'autoup')
}

/** The service a command is to talk to, or undefined: the only one that runs. Throws AutoupError `usage`. */
export function serviceGiven(input: Input, io: Pick<Io, 'env'>): string | undefined {
  const name = input.name ?? nameFromEnvironment(io.env)
  return name === undefined ? undefined : checkName(name)
}

export function nameFromEnvironment(env: Environment): string | undefined {
  return WORKER_CONTRACT.some((key) => env[key]) ? undefined : env.AUTOUP_NAME || undefined
}
