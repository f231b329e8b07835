/**
 * `autoup stop`: drains and ends the master, and answers when its process is gone, so that `autoup stop && autoup run`
 * finds the lock free.
 */

import { AutoupError } from '../core/errors.ts'
import type { Status } from '../core/status.ts'
import type { ControlReply } from '../runtime/control/server.ts'
import { request, tell } from './ask.ts'
import { type CommandSpec, has, type Input } from './command.ts'
import { call, isAbsent, type MasterPlace } from './control-client.ts'
import { mastersFor } from './find-service.ts'
import type { Io } from './io.ts'
import { endOf } from './master-end.ts'
import { atOnce } from './outcome.ts'
import { showEvents } from './show-events.ts'
import { timeoutOf, WAITING } from './waiting.ts'
import { PLACE } from './where.ts'

export const stop: CommandSpec = {
  name: 'stop',
  description:
    'Closes the listeners, lets every worker finish what it has begun, and ends the master. Without a name: of every app of the configuration, else of the only service that runs.',
  takes: 'name',
  options: [{ flag: 'now', help: 'do not drain: end the workers at once' }, ...WAITING, ...PLACE],
  examples: [
    ['autoup stop', 'the only service that runs here'],
    ['autoup stop app --now', 'without waiting for requests that are under way'],
  ],
  async run(input, io) {
    const masters = await mastersFor(input, io)
    const [only] = masters
    // Of several at once nobody could tell the lines apart.
    if (only && masters.length === 1) return await stopOne(only, input, io, true)
    return await atOnce(masters, io, (master) => stopOne(master, input, io))
  },
}

async function stopOne(master: MasterPlace, input: Input, io: Io, isShown = false): Promise<number> {
  const endMs = performance.now() + (timeoutOf(input) ?? Number.POSITIVE_INFINITY)
  const ended = endOf(await call<Status>(master, 'GET', '/status'))
  let reply: ControlReply
  try {
    const ask = (): Promise<ControlReply> => request('stop', master, input)
    reply = await (isShown ? showEvents(master, io, ask) : ask())
  } catch (error) {
    // It ended just now: that is what was asked for.
    if (!isAbsent(error) && !(error instanceof AutoupError && error.data.isCut)) throw error
    reply = { outcome: 'stopped', message: 'stopped', version: null, exit: 0 }
  }
  if (has(input, 'no-wait') || reply.exit !== 0) return tell(reply, master.name, input, io)
  await ended(endMs)
  return tell({ ...reply, message: reply.message.replace(/^stopping/, 'stopped') }, master.name, input, io)
}
