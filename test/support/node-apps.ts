/** Node apps as people write them, without a word about autoup, and the masters that run them from a bare command. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Master, type MasterOptions, startMaster, temporaryDirectory } from './master.ts'
import { freePort } from './ports.ts'

/** Answers with its pid as JSON; `/slow` after a second. PORT is the test's. */
export const PLAIN = `
  const http = require('node:http')
  const answer = (response) => response.end(JSON.stringify({ version: '1', pid: process.pid }))
  const server = http.createServer((request, response) => {
    if (request.url === '/slow') setTimeout(answer, 1_000, response)
    else answer(response)
  })
  server.listen(Number(process.env.PORT), '127.0.0.1')
`

export interface NodeService {
  readonly master: Master
  readonly port: number
}

export interface NodeServiceOptions extends MasterOptions {
  /** The text of the app, or the file where it is. */
  app: string | URL
  /** The name of its file; `.mjs`, `.ts` and so on decide how Node takes it. */
  file?: string
  /** Default: the port that the app gets as PORT, at `host`. */
  listen?: string[]
  /** Default 127.0.0.1; null is every address. */
  host?: string | null
  /** Options of node itself. */
  nodeArgs?: string[]
  node?: string
}

/** Resolves when the first worker is started, not when it is ready. */
export async function startNode(options: NodeServiceOptions): Promise<NodeService> {
  const port = await freePort()
  const host = options.host === undefined ? '127.0.0.1' : options.host
  const file =
    typeof options.app === 'string' ? writtenTo(options.file ?? 'app.cjs', options.app) : fileURLToPath(options.app)
  const listen = (options.listen ?? [host === null ? `${port}` : `${host}:${port}`]).flatMap((address) => [
    '--listen',
    address,
  ])
  const master = await startMaster({
    ...options,
    env: { PORT: String(port), ...options.env },
    args: [
      '--ready-timeout',
      '8s',
      '--drain-timeout',
      '8s',
      '--probation',
      '300ms',
      ...listen,
      ...(options.args ?? []),
    ],
    command: options.command ?? [options.node ?? process.execPath, ...(options.nodeArgs ?? []), file],
  })
  await master.next('worker-started')
  return { master, port }
}

/** Restarts gracefully; resolves when the old worker has ended. */
export async function swap({ master }: NodeService): Promise<void> {
  const since = master.mark()
  const before = (await master.status()).workers.map(({ pid }) => pid)
  master.signal('SIGUSR2')
  await master.waitFor((event) => event.type === 'settled', 'the restart', { since })
  for (const pid of before) {
    await master.waitFor((event) => event.type === 'worker-exited' && event.pid === pid, `the end of ${pid}`, { since })
  }
}

/** The path of a new file of this name, alone in a directory of the test's. */
export function writtenTo(name: string, text: string): string {
  const file = join(temporaryDirectory(), name)
  writeFileSync(file, text)
  return file
}
