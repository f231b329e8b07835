/** `autoup dev` in a tree of the test's own, with a plain Node server in it. */

import { mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Answer, ask } from './ask.ts'
import { AUTOUP, type Master, type Of, startMaster, temporaryDirectory } from './master.ts'
import { plainText } from './plain-app.ts'
import { freePort } from './ports.ts'

export interface DevOptions {
  /** Besides server.js; by path. */
  files?: Record<string, string>
  /** The text of server.js. Default: a server that answers version 1. */
  server?: string
  args?: (directory: string) => string[]
}

export interface Dev {
  readonly master: Master
  readonly directory: string
  readonly port: number
  write(name: string, text: string): void
  /** The next change that it tells, after `since`. */
  changed(since: number): Promise<Of<'files-changed'>>
  ask(): Promise<Answer>
}

/** Resolves when it follows the tree. */
export async function startDev({ files = {}, server = plainText({}), args = () => [] }: DevOptions = {}): Promise<Dev> {
  const directory = realpathSync(temporaryDirectory())
  const write = (name: string, text: string): void => {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
  for (const [name, text] of Object.entries({ ...files, 'server.js': server })) write(name, text)
  const port = await freePort()
  const stateDir = temporaryDirectory()
  const flags = ['--name', 'app', '--state-dir', stateDir, '--log-format', 'json', '--listen', `127.0.0.1:${port}`]
  const words = [process.execPath, AUTOUP, 'dev', ...flags, ...args(directory), '--', 'node', 'server.js']
  const env = { TEST_PORT: String(port) }
  const master = await startMaster({ embedded: words, cwd: directory, stateDir, env })
  await master.next('watch-started')
  return {
    ...{ master, directory, port, write },
    changed: (since) => master.next('files-changed', { since }),
    ask: () => ask(port),
  }
}
