/**
 * What `autoup dev` makes of the settings: the command as it lies here, short waits, and its state outside of the tree.
 */

import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AutoupError, errnoOf } from '../../core/errors.ts'
import type { Settings } from '../../core/settings.ts'
import type { Io } from '../io.ts'
import type { Loaded } from '../load-settings.ts'
import { given } from '../option-reader.ts'
import { STATE_DIR, stateDirectoryGiven } from '../where.ts'

/** Nobody who writes an app waits for the last of its connections. */
const DRAIN_TIMEOUT_MS = 2_000
/** Without a socket nothing else shows that it has come up. */
const UPTIME_MS = 1_000

export function withoutCommand(): AutoupError {
  const example = '`autoup dev --listen 3000 -- node server.js`'
  return new AutoupError('usage', `there is no command: say what to run, as in ${example}`)
}

/** Throws AutoupError `usage` where there is no command, `failed` where there is no place for the state. */
export function devSettings(loaded: Loaded, io: Io): Settings {
  const { settings, input, app } = loaded
  if (settings.command.length === 0) throw withoutCommand()
  const isSaid = (flag: string): boolean => given(loaded, flag) !== null
  const hasPlace = stateDirectoryGiven(input, io) !== undefined || app?.values.has(STATE_DIR.flag)
  const { ready, listen, strategy } = settings
  const hasSocket = listen.length > 0
  return {
    ...settings,
    source: null,
    dev: true,
    stateDir: hasPlace ? settings.stateDir : ownFolder(settings.directory, io),
    drainTimeoutMs: isSaid('drain-timeout') ? settings.drainTimeoutMs : DRAIN_TIMEOUT_MS,
    logFormat: isSaid('log-format') ? settings.logFormat : 'pretty',
    // A socket that the command binds itself is free only when the one before has ended.
    strategy: hasSocket || isSaid('strategy') ? strategy : 'exclusive',
    ready: !hasSocket && ready.kind === 'auto' ? { kind: 'uptime', ms: UPTIME_MS } : ready,
  }
}

/** The same for each start in a directory, so that the next one finds what a killed one has left. */
function ownFolder(directory: string, { env }: Io): string {
  const runtime = env.XDG_RUNTIME_DIR?.startsWith('/') ? env.XDG_RUNTIME_DIR : null
  const mine = join(runtime ?? tmpdir(), `autoup-dev-${process.geteuid?.() ?? 0}`)
  const key = createHash('sha256').update(directory).digest('hex').slice(0, 12)
  try {
    mkdirSync(mine, { mode: 0o700 })
    // Workers of another user (--user) pass through it.
    chmodSync(mine, 0o711)
  } catch (cause) {
    if (errnoOf(cause) !== 'EEXIST') {
      throw new AutoupError('failed', `cannot make ${mine}: ${errnoOf(cause)}; give another place with --state-dir`, {
        cause,
      })
    }
  }
  // Everybody can write where it lies.
  const stat = lstatSync(mine)
  if (!stat.isDirectory() || stat.uid !== process.geteuid?.() || (stat.mode & 0o022) !== 0) {
    throw new AutoupError('failed', `${mine} is somebody else's: give another place with --state-dir`)
  }
  return join(mine, key)
}
