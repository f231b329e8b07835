/** Commands that ask a running master for something, tell what came of it, and end with the status it gives. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ControlReply } from '../runtime/control/server.ts'
import { has, type Input, lastValue, type OptionSpec } from './command.ts'
import { call, type MasterPlace } from './control-client.ts'
import { masterFor } from './find-service.ts'
import type { Io } from './io.ts'
import { showEvents } from './show-events.ts'
import { TIMEOUT, timeoutOf } from './waiting.ts'

export const AGAIN: OptionSpec = { flag: 'again', help: 'try a build that is held back, once' }

/** Asks, says the answer on stderr (or as JSON on stdout) and gives the exit status. */
export async function ask(verb: string, input: Input, io: Io): Promise<number> {
  return await askOne(verb, await masterFor(input, io), input, io)
}

/** The same for what takes its time: somebody at a terminal sees what happens meanwhile. */
export async function askAndShow(verb: string, input: Input, io: Io): Promise<number> {
  const master = await masterFor(input, io)
  const reply = await showEvents(master, io, () => request(verb, master, input))
  const isLogged = reply.outcome === 'rolled-back' && !has(input, 'json') && existsSync(join(master.directory, 'log'))
  const advice = isLogged ? `; \`autoup logs ${master.name}\` shows what it wrote` : ''
  return tell({ ...reply, message: `${reply.message}${advice}` }, master.name, input, io)
}

export async function askOne(verb: string, master: MasterPlace, input: Input, io: Io): Promise<number> {
  return tell(await request(verb, master, input), master.name, input, io)
}

export async function request(verb: string, master: MasterPlace, input: Input): Promise<ControlReply> {
  const timeoutMs = timeoutOf(input)
  // A verdict may take as long as it needs, from a master that answers at all.
  if (timeoutMs === null) await call(master, 'GET', '/status')
  return await call<ControlReply>(master, 'POST', `/${verb}`, {
    body: {
      again: has(input, 'again'),
      resetTrust: has(input, 'reset-trust'),
      wait: !has(input, 'no-wait'),
      now: has(input, 'now'),
    },
    timeoutMs,
    onTimeout: `no verdict on this ${verb} of '${master.name}' in ${lastValue(input, TIMEOUT.flag)}; it goes on`,
  })
}

export function tell(reply: ControlReply, name: string, input: Input, io: Io): number {
  if (has(input, 'json')) io.stdout.write(`${JSON.stringify(reply)}\n`)
  else {
    // At a terminal it was shown when it happened (showEvents), and the sentence has the last line.
    const { output = [] } = reply
    if (output.length > 1 && io.stderr.isTTY !== true) for (const line of output) io.stderr.write(`${line}\n`)
    io.stderr.write(`${name}: ${reply.message || reply.outcome}\n`)
  }
  return reply.exit
}
