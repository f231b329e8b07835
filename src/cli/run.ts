/** `autoup run`: the master, in the foreground. Checks everything that can be checked before it loads anything. */

import type { Stamped } from '../core/events.ts'
import type { ReloadHost } from '../runtime/reload.ts'
import type { CommandSpec, Input } from './command.ts'
import type { Io } from './io.ts'
import { keepSmall } from './keep-small.ts'
import type { Loaded } from './load-settings.ts'
import { presenters } from './presenters.ts'
import { refuseElsewhere } from './refuse-elsewhere.ts'
import { RUN_OPTIONS } from './run-options.ts'

export const run: CommandSpec = {
  name: 'run',
  description:
    'Runs the command, or the newest build of the release source, and swaps the workers for each new build without losing a connection.',
  takes: 'command',
  options: RUN_OPTIONS,
  examples: [
    ['autoup run --fetch github:org/app --listen 8080', 'publish a release there: it is live here'],
    ['autoup run --listen 8080 --instances 4 -- node server.js', 'a command as it is; USR2 restarts it gracefully'],
  ],
  notes: `Every option can stand in the environment, by the name in brackets: a switch as AUTOUP_NO_RESPAWN=1, several
--listen as AUTOUP_LISTEN="8080 unix:/run/app.sock"; and in autoup.config.json: {"ready-timeout": "30s", "listen":
[8080], "command": ["node", "server.js"]}. The command line comes before the environment, that before the file. A name
is that of the service, and picks the app where the file has several: autoup run web. (Workers get variables of such
names, too, which say who they are: AUTOUP_NAME in a worker is not --name.)

Signals: USR2 checks now and swaps, or restarts gracefully when nothing is new; HUP reads the
configuration again; TERM and INT drain and stop, a second one at once, as QUIT does; TTIN and
TTOU are one worker more or less.`,
  async run(input, io) {
    refuseElsewhere('run', io)
    return await serve(input, io)
  },
}

/** What else is to know of the master in this process. */
export interface Onlookers {
  /** Gets every event. */
  readonly watch?: (event: Stamped) => void
  /** Gets how to tell what goes wrong beside the master. */
  readonly connect?: (warn: (message: string) => void) => void
  /** Gets what is asked for from now on, after a reload. */
  readonly reloaded?: (loaded: Loaded) => void
}

/** The master, in this process. Loads it when the words are known to be right, and not before. */
export async function serve(input: Input, io: Io, { watch, connect, reloaded }: Onlookers = {}): Promise<number> {
  keepSmall()
  const { loadSettings } = await import('./load-settings.ts')
  let loaded = await loadSettings(input, io)
  const { settings, input: pinned } = loaded
  const [{ createReporter }, { runMaster }] = await Promise.all([
    import('../report/reporter.ts'),
    import('../runtime/master.ts'),
  ])
  let report = createReporter(settings.logFormat, io.stderr)
  const host: ReloadHost = {
    load: async () => {
      loaded = await loadSettings(pinned, io)
      return loaded.settings
    },
    applied: ({ logFormat }) => {
      report = createReporter(logFormat, io.stderr)
      reloaded?.(loaded)
    },
  }
  const show = (event: Stamped): void => {
    report(event)
    watch?.(event)
  }
  return await runMaster(settings, show, presenters, { host, connect })
}
