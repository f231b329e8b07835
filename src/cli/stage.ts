/**
 * `autoup stage`: fetch, verify and unpack, and stop there. A master that runs does it, for the store is its own;
 * where none does, this process takes the lock.
 */

import { join } from 'node:path'
import { AutoupError } from '../core/errors.ts'
import { shownSource } from '../core/source.ts'
import type { Status } from '../core/status.ts'
import { request, tell } from './ask.ts'
import { type CommandSpec, type Input, lastValue } from './command.ts'
import { type MasterPlace, statusOf } from './control-client.ts'
import { configPath, masterFor } from './find-service.ts'
import type { Io } from './io.ts'
import { ALLOW_UNVERIFIED, FETCH, NAME, PUBLIC_KEY, SHA256, TOKEN_FILE } from './run-options.ts'
import { PLACE } from './where.ts'

export const stage: CommandSpec = {
  name: 'stage',
  description:
    'Fetches, verifies and unpacks the newest build, and starts nothing. Exits with 0, or with 5 when it was refused.',
  takes: 'name',
  options: [FETCH, TOKEN_FILE, SHA256, PUBLIC_KEY, ALLOW_UNVERIFIED, NAME, ...PLACE],
  examples: [
    ['autoup stage --fetch github:org/app', 'before the first start, for instance in an image'],
    ['autoup stage app', 'what the running master follows'],
  ],
  async run(input, io) {
    const named = lastValue(input, FETCH.flag) ?? (io.env.AUTOUP_FETCH || undefined)
    const path = configPath(input, io)
    if (named === undefined && path === null) return fromMaster(await masterFor(input, io), input, io)
    const { loadSettings } = await import('./load-settings.ts')
    const { settings } = await loadSettings(input, io)
    const master: MasterPlace = { name: settings.name, directory: join(settings.stateDir, settings.name) }
    const status = await statusOf(master)
    if (status) {
      if (named !== undefined) refuseOther(named, status, input)
      return fromMaster(master, input, io)
    }
    if (settings.source === null) {
      throw new AutoupError('usage', `'${master.name}' has no release source, so there is nothing to stage`)
    }
    const { stageAlone } = await import('../runtime/stager/stage-alone.ts')
    return tell(await stageAlone(settings), settings.name, input, io)
  },
}

async function fromMaster(master: MasterPlace, input: Input, io: Io): Promise<number> {
  return tell(await request('stage', master, input), master.name, input, io)
}

/** What a master that runs follows, and how, is for it to say. */
function refuseOther(source: string, { name, source: followed }: Status, input: Input): void {
  if (followed !== shownSource(source)) {
    const follows = followed === null ? 'no release source' : followed
    throw new AutoupError(
      'usage',
      `'${name}' runs and follows ${follows}, not ${shownSource(source)}: give another --name`,
    )
  }
  const own = [TOKEN_FILE, SHA256, PUBLIC_KEY, ALLOW_UNVERIFIED].find(({ flag }) => input.options.has(flag))
  if (!own) return
  throw new AutoupError('usage', `'${name}' runs, and --${own.flag} is for it to say: give it to autoup run`)
}
