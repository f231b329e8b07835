/**
 * `autoup start`: the master as a daemon. This file is read by both: by the one who types it, and by the daemon, which is
 * started with the same words again and has its part in another file. Neither loads the part of the other.
 */

import type { CommandSpec } from './command.ts'
import { DAEMON_OPTIONS, DAEMON_VARIABLE } from './daemon-options.ts'
import { keepSmall } from './keep-small.ts'
import { refuseElsewhere } from './run.ts'
import { RUN_OPTIONS } from './run-options.ts'
import { TIMEOUT } from './waiting.ts'

const WAITING = 'The start itself'

export const start: CommandSpec = {
  name: 'start',
  description:
    'Starts the master as a daemon, and comes back when the app is ready. If it does not get ready, says why, with its last lines, and leaves no master behind.',
  takes: 'command',
  options: [
    ...RUN_OPTIONS,
    ...DAEMON_OPTIONS,
    { flag: 'no-wait', help: 'come back when the master runs; it goes on trying', group: WAITING },
    { ...TIMEOUT, group: WAITING },
  ],
  examples: [
    ['autoup start --fetch github:org/app --listen 8080', 'as `autoup run`, in the background'],
    ['autoup start web', 'the app web of autoup.config.json'],
  ],
  notes: `All options of autoup run, from the same places. When it runs already, start says so and ends with 0.
The daemon keeps the working directory, so that relative paths go on to mean the same.

Its log is service.log in <state-dir>/<name>; see autoup logs. It is rotated by copy and truncate;
after a rotation of your own, USR1 to the master opens it anew.`,
  async run(input, io) {
    if (io.env[DAEMON_VARIABLE]) {
      keepSmall()
      const { serveAsDaemon } = await import('./daemon.ts')
      return await serveAsDaemon(input, io)
    }
    refuseElsewhere(io)
    const { startDaemon } = await import('./start-daemon.ts')
    return await startDaemon(input, io)
  },
}
