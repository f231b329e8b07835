/**
 * The app that most people have: a plain node:http server that calls `listen(port)` and knows nothing of any
 * supervisor. One executable file. A request for /hold is answered when its body ends, so that the test decides by
 * an event for how long it is in flight; an upgraded connection echoes what it is sent.
 */

import { type Artifact, script } from './builds.ts'

export interface Door {
  /** What its answers carry as `door`. */
  readonly name: string
  /** An expression: a port, or the path of a unix socket in quotes. */
  readonly where: string
  /** Makes it a door for TLS. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** Default: Node's, which is 5 s. */
  readonly keepAliveMs?: number
}

export interface PlainApp {
  version?: string
  /** Default: one, on the port in TEST_PORT of 127.0.0.1. */
  doors?: readonly Door[]
  /** Statements that run first, in CommonJS. */
  first?: string
  /** An expression: a promise that it waits for before it listens. */
  waitsFor?: string
  /** Statements that run last. */
  last?: string
}

export function plainApp(app: PlainApp = {}): Artifact {
  return script(plainText(app))
}

/** An expression for the port that `startService` found. */
export const TEST_PORT = 'Number(process.env.TEST_PORT)'

export function plainText({ version = '1', doors = [{ name: 'http', where: TEST_PORT }], ...app }: PlainApp): string {
  return `#!/usr/bin/env node
${app.first ?? ''}
function appFor(door) {
  return (request, response) => {
    const answer = () => JSON.stringify({ version: ${JSON.stringify(version)}, pid: process.pid, door })
    if (request.url !== '/hold') return response.end(answer())
    response.write(' ')
    request.resume().on('end', () => response.end(answer()))
  }
}
function echo(request, socket) {
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n')
  socket.on('error', () => {}).pipe(socket)
}
${app.waitsFor ? `${app.waitsFor}.then(() => {` : ''}
${doors.map(opened).join('\n')}
${app.waitsFor ? '})' : ''}
${app.last ?? ''}
`
}

function opened({ name, where, tls, keepAliveMs }: Door): string {
  const options = JSON.stringify({ ...tls, keepAliveTimeout: keepAliveMs })
  const created = `require('node:${tls ? 'https' : 'http'}').createServer(${options}, appFor(${JSON.stringify(name)}))`
  const host = where.startsWith("'") || where.startsWith('"') ? '' : ", '127.0.0.1'"
  return `${created}.on('upgrade', echo).listen(${where}${host})`
}
