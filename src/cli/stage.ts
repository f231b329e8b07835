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
import { call, findMaster, type MasterPlace } from './control-client.ts'
import type { Io } from './io.ts'
import { withPublicKey } from './public-key.ts'
import { ALLOW_UNVERIFIED, FETCH, NAME, PUBLIC_KEY, SHA256, TOKEN_FILE } from './run-options.ts'
import { STATE_DIR, serviceGiven, stateDirectory } from './where.ts'

export const stage: CommandSpec = {
  name: 'stage',
  description:
    'Fetches, verifies and unpacks the newest build, and starts nothing. Exits with 0, or with 5 when it was refused.',
  takes: 'name',
  options: [FETCH, TOKEN_FILE, SHA256, PUBLIC_KEY, ALLOW_UNVERIFIED, NAME, STATE_DIR],
  examples: [
    ['autoup stage --fetch github:org/app', 'before the first start, for instance in an image'],
    ['autoup stage app', 'what the running master follows'],
  ],
  async run(input, io) {
    const source = lastValue(input, FETCH.flag) ?? (io.env.AUTOUP_FETCH || undefined)
    if (source === undefined) {
      const master = await findMaster(stateDirectory(input, io), serviceGiven(input, io))
      return tell(await request('stage', master, input), master.name, input, io)
    }
    return stageFrom(source, input, io)
  },
}

async function stageFrom(source: string, input: Input, io: Io): Promise<number> {
  const { buildSettings } = await import('./settings.ts')
  const settings = await withPublicKey(buildSettings(withName(input), io), io.cwd)
  const master: MasterPlace = { name: settings.name, directory: join(settings.stateDir, settings.name) }
  const status = await statusOf(master)
  if (!status) {
    const { stageAlone } = await import('../runtime/stage-alone.ts')
    return tell(await stageAlone(settings), settings.name, input, io)
  }
  if (status.source !== shownSource(source)) {
    const follows = status.source === null ? 'no release source' : status.source
    throw new AutoupError(
      'usage',
      `'${master.name}' runs and follows ${follows}, not ${shownSource(source)}: give another --name`,
    )
  }
  const own = [TOKEN_FILE, SHA256, PUBLIC_KEY, ALLOW_UNVERIFIED].find(({ flag }) => input.options.has(flag))
  if (own) {
    throw new AutoupError('usage', `'${master.name}' runs, and --${own.flag} is for it to say: give it to autoup run`)
  }
  return tell(await request('stage', master, input), master.name, input, io)
}

/** The name may stand alone, as with the other commands. */
function withName(input: Input): Input {
  if (input.name === undefined || input.options.has(NAME.flag)) return input
  return { ...input, options: new Map([...input.options, [NAME.flag, [input.name]]]) }
}

async function statusOf(master: MasterPlace): Promise<Status | null> {
  try {
    return await call<Status>(master, 'GET', '/status')
  } catch (error) {
    if (error instanceof AutoupError && error.code === 'not-running') return null
    throw error
  }
}
