/**
 * `autoup dev`: a master whose command is started again for each change of its tree, beside the one that serves. A
 * start that fails leaves that one, and the app's own words on stderr say why. Only this command loads the watcher.
 */

import { readlinkSync, realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { AutoupError, errnoOf } from '../core/errors.ts'
import type { Settings } from '../core/settings.ts'
import type { ReloadHost } from '../runtime/reload.ts'
import { type CommandSpec, type Input, lastValue } from './command.ts'
import { DEV_OPTIONS, IGNORE, WATCH } from './dev/options.ts'
import { configPath } from './find-service.ts'
import type { Io } from './io.ts'
import { presenters } from './presenters.ts'
import { refuseElsewhere } from './refuse-elsewhere.ts'

export const dev: CommandSpec = {
  name: 'dev',
  description:
    'Runs the command and follows its tree: each change starts it anew beside itself and swaps, without losing a connection. While the new one does not start, the one before serves on.',
  takes: 'command',
  options: DEV_OPTIONS,
  examples: [
    ['autoup dev --listen 3000 -- node server.js', 'edit, save, reload'],
    ["autoup dev --listen 3000 --ignore '*.md' -- python3 -m app", 'besides what .gitignore says'],
  ],
  notes: 'With autoup.config.json the command and the sockets stand there: autoup dev web.',
  async run(input, io) {
    refuseElsewhere('dev', io)
    const [{ loadSettings }, { devSettings, withoutCommand }, { watchTree }] = await Promise.all([
      import('./load-settings.ts'),
      import('./dev/settings.ts'),
      import('../system/watch-tree.ts'),
    ])
    if (input.command.length === 0 && input.name === undefined && configPath(input, io) === null) throw withoutCommand()
    const loaded = await loadSettings(input, io)
    const settings = devSettings(loaded, io)
    const [{ createReporter }, { devReporter }, { runMaster }] = await Promise.all([
      import('../report/reporter.ts'),
      import('../report/dev.ts'),
      import('../runtime/master.ts'),
    ])
    const reporter = ({ logFormat }: Settings) =>
      logFormat === 'pretty' ? devReporter(io.stderr) : createReporter(logFormat, io.stderr)
    let report = reporter(settings)
    const host: ReloadHost = {
      load: async () => devSettings(await loadSettings(loaded.input, io), io),
      applied: (next) => {
        report = reporter(next)
      },
    }
    const watch = await watchTree({
      directory: directoryOf(input, io),
      patterns: input.options.get(IGNORE.flag) ?? [],
      apart: [join(settings.stateDir, settings.name), ...ownOutput()],
    })
    try {
      return await runMaster(settings, (event) => report(event), presenters, { host, watch })
    } finally {
      await watch.close()
    }
  },
}

function directoryOf(input: Input, io: Io): string {
  const path = resolve(io.cwd, lastValue(input, WATCH.flag) ?? '.')
  try {
    return realpathSync(path)
  } catch (cause) {
    throw new AutoupError('usage', `cannot watch ${path}: ${errnoOf(cause)}`, { cause })
  }
}

/** Where what is said goes: `autoup dev 2>dev.txt`. */
function ownOutput(): string[] {
  return [1, 2].map((fd) => readlinkSync(`/proc/self/fd/${fd}`)).filter((path) => path.startsWith('/'))
}
