/** A master that reads its options from a file, and a server that serves on every socket it is given. */

import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { script } from './builds.ts'
import { type Master, type MasterOptions, startMaster, temporaryDirectory } from './master.ts'

export interface Configured {
  readonly master: Master
  readonly directory: string
  readonly file: string
  /** Puts another content in the place of the file, in one step. */
  write(content: unknown): void
  /** Signals, and resolves with how the reading ended. */
  hup(): Promise<{ readonly outcome: string; readonly message: string }>
}

/** Puts it there in one step, and beside it the program `app`, which it may name. Its path. */
export function writeConfig(directory: string, content: unknown): string {
  const file = join(directory, 'autoup.config.json')
  const program = join(directory, 'app')
  if (!existsSync(program)) server()(program)
  writeFileSync(`${file}.next`, typeof content === 'string' ? content : JSON.stringify(content, null, 2))
  renameSync(`${file}.next`, file)
  return file
}

export async function startConfigured(content: object, options: MasterOptions = {}): Promise<Configured> {
  const directory = temporaryDirectory()
  const file = writeConfig(directory, content)
  const write = (next: unknown): void => void writeConfig(directory, next)
  const master = await startMaster({ ...options, args: ['--config', file, ...(options.args ?? [])] })
  return {
    master,
    directory,
    file,
    write,
    async hup() {
      const since = master.mark()
      master.signal('SIGHUP')
      return await master.next('reload-finished', { since })
    },
  }
}

/**
 * Answers with the name of the socket it was asked on. Drains as the example server does: it closes its listening
 * handles, and no connection; it ends with the last one.
 */
export function server(version = '1'): (path: string) => void {
  return script(`#!/usr/bin/env node
const http = require('node:http')
const net = require('node:net')
let isDraining = false
const servers = process.env.LISTEN_FDNAMES.split(':').map((name, index) =>
  http.createServer((request, response) => {
    const ms = Number(new URL(request.url, 'http://x').searchParams.get('ms') ?? 0)
    setTimeout(() => {
      if (isDraining) response.setHeader('Connection', 'close')
      const { AUTOUP_GENERATION, WORD } = process.env
      const generation = Number(AUTOUP_GENERATION)
      response.end(JSON.stringify({ version: ${JSON.stringify(version)}, name, pid: process.pid, generation, word: WORD, argv: process.argv.slice(2) }))
    }, ms)
  }).listen({ fd: 3 + index }))
process.on('SIGTERM', () => {
  isDraining = true
  for (const server of servers) net.Server.prototype.close.call(server)
})
`)
}
