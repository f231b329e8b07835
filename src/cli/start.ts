/**
 * `autoup start`: the master as a daemon. This file is read by both: by the one who types it, and by the daemon, which
 * is started with the same words again and has its part in another file. Neither loads the part of the other.
 */

import type { CommandSpec } from './command.ts'
import { DAEMON_OPTIONS, DAEMON_VARIABLE } from './daemon-options.ts'
import { keepSmall } from './keep-small.ts'
import { refuseElsewhere } from './refuse-elsewhere.ts'
import { RUN_OPTIONS } from './run-options.ts'
import { NO_WAIT, TIMEOUT } from './waiting.ts'

const WAITING = 'The start itself'

export const start: CommandSpec = {
  name: 'start',
  description:
    'Starts the master as a daemon, and comes back when the app is ready. If it does not get ready, says why, with its last lines, and leaves no master behind. Without a name: every app of the configuration.',
  takes: 'command',
  options: [
    ...RUN_OPTIONS,
    ...DAEMON_OPTIONS,
    { ...NO_WAIT, help: 'come back when the master runs; it goes on trying', group: WAITING },
    { ...TIMEOUT, group: WAITING },
  ],
  examples: [
    ['autoup start --fetch github:org/app --listen 8080', 'as `autoup run`, in the background'],
    ['autoup start', 'every app of autoup.config.json; with a name that one'],
  ],
  notes: `All options of autoup run, from the same places. When it runs already, start says so and ends with 0;
when it is stopping, start waits for its end first.
The daemon keeps the working directory, so that relative paths go on to mean the same.

Its log is service.log in <state-dir>/<name>; see autoup logs. It is rotated by copy and truncate;
after a rotation of your own, USR1 to the master opens it anew.`,
  async run(input, io) {
    if (io.env[DAEMON_VARIABLE]) {
      keepSmall()
      const { serveAsDaemon } = await import('./daemon.ts')
      return await serveAsDaemon(input, io)
    }
    refuseElsewhere('start', io)
    const { startDaemons } = await import('./start-daemon.ts')
    return await startDaemons(input, io)
  },
}
