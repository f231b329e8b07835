/** From what the program says to `Settings`, by the checks of the command line. */

import { isSea } from 'node:sea'
import type { Io } from '../cli/io.ts'
import { withPublicKey } from '../cli/public-key.ts'
import { buildSettings } from '../cli/settings.ts'
import { AutoupError } from '../core/errors.ts'
import type { Settings } from '../core/settings.ts'
import { signalName } from '../system/signals.ts'
import { keyOf, type RunConfig, toInput } from './config.ts'

/** These have another meaning for every process, or cannot be caught. */
const TAKEN: ReadonlySet<string> = new Set([
  'SIGTERM',
  'SIGINT',
  'SIGQUIT',
  'SIGKILL',
  'SIGSTOP',
  'SIGCHLD',
  'SIGIO',
  'SIGPOLL',
])

/** Throws AutoupError `usage` or `config`. */
export async function embeddedSettings(config: RunConfig, io: Io): Promise<Settings> {
  const { execPath, execArgv, argv } = process
  const [, script = '', ...args] = argv
  const own = isSea() ? [execPath, ...args] : [execPath, ...execArgv, script, ...args]
  const settings = await withPublicKey(
    inWords(() => buildSettings(toInput(config, own), io)),
    io.cwd,
  )
  const { source, listen, ready } = settings
  return {
    ...settings,
    command: source === null ? own : (config.command ?? []),
    // Without sockets it is ready when the program has come back (worker.ts).
    ready: listen.length === 0 && ready.kind === 'auto' ? { kind: 'notify' } : ready,
    embedded: {
      command: own,
      args,
      promotes: config.noRestart || config.noRestartAfterFetch ? 'when-asked' : 'always',
      restartSignal: restartSignalOf(config),
      restartStops: config.noRestart === true,
    },
  }
}

function restartSignalOf({ restartSignal = 'SIGUSR2' }: RunConfig): string {
  const name = signalName(restartSignal)
  if (!TAKEN.has(name)) return name
  throw new AutoupError('usage', `restartSignal: ${name} has a meaning of its own: take USR2, USR1 or HUP`)
}

/** The options are called here as the program calls them. */
function inWords<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof AutoupError)) throw error
    const message = error.message.replace(/--([a-z][a-z0-9-]*)/g, (_, flag: string) => keyOf(flag))
    throw new AutoupError(error.code, message, { data: error.data, cause: error })
  }
}
