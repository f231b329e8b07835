/**
 * Web servers on this machine, for one test each: plain, raw (a socket that says what it likes), over TLS with an
 * authority of the test's own, and a proxy. All are gone when the test ends, with every connection.
 */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import net, { type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onEnd } from './on-end.ts'

export interface Web {
  /** `http://127.0.0.1:PORT` or its like, without a slash at the end. */
  readonly origin: string
  readonly port: number
  /** `METHOD /path`, in the order they came. */
  readonly requests: readonly Asked[]
}

export interface Asked {
  readonly line: string
  readonly headers: http.IncomingHttpHeaders
}

export type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void

export async function serveHttp(handler: Handler, host = '127.0.0.1'): Promise<Web> {
  return listen(http.createServer(), handler, 'http', host)
}

/** For `localhost` and `release.test`, unless other names are given. */
export async function serveTls(handler: Handler, { names, days }: CertificateOptions = {}): Promise<Web> {
  const { key, cert } = certificate({ names, days })
  return listen(https.createServer({ key, cert }), handler, 'https', '127.0.0.1')
}

/** Whatever is written on each connection. */
export async function serveRaw(onSocket: (socket: Socket) => void): Promise<Web> {
  const sockets = new Set<Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    onSocket(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onEnd(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { origin: `http://127.0.0.1:${port}`, port, requests: [] }
}

/** Answers the first request of each connection with these bytes, then `more`. */
export function serveText(text: string, more: (socket: Socket) => void = (socket) => socket.end()): Promise<Web> {
  return serveRaw((socket) => {
    socket.once('data', () => {
      socket.write(text, 'latin1')
      more(socket)
    })
  })
}

export interface Proxy extends Web {
  /** `host:port` of each CONNECT, the address of each plain request. */
  readonly led: readonly string[]
  readonly authorizations: readonly (string | undefined)[]
}

export interface ProxyOptions {
  /** Refuses with it. Default: leads. */
  readonly status?: number
  /** Where it leads to in place of a port that is asked for. */
  readonly ports?: Readonly<Record<number, number>>
}

/** Leads every name to this machine, as one that resolves them itself. */
export async function serveProxy({ status = 200, ports = {} }: ProxyOptions = {}): Promise<Proxy> {
  const led: string[] = []
  const authorizations: (string | undefined)[] = []
  const sockets = new Set<Socket>()
  const server = http.createServer((request, response) => {
    led.push(request.url ?? '')
    authorizations.push(request.headers['proxy-authorization'])
    if (status !== 200) {
      response.writeHead(status).end()
      return
    }
    const { port, pathname } = new URL(request.url ?? '')
    const onward = http.get({ host: '127.0.0.1', port, path: pathname, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
  })
  server.on('connect', (request: http.IncomingMessage, socket: Socket) => {
    led.push(request.url ?? '')
    authorizations.push(request.headers['proxy-authorization'])
    sockets.add(socket)
    socket.on('error', () => undefined)
    if (status !== 200) {
      socket.end(`HTTP/1.1 ${status} No\r\n\r\n`)
      return
    }
    const port = Number(request.url?.split(':').pop())
    const target = net.connect(ports[port] ?? port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      socket.pipe(target).pipe(socket)
    })
    sockets.add(target)
    target.on('error', () => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onEnd(async () => {
    for (const socket of sockets) socket.destroy()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { origin: `http://127.0.0.1:${port}`, port, requests: [], led, authorizations }
}

export interface CertificateOptions {
  names?: string[] | undefined
  /** Until it ends; negative: it has ended. */
  days?: number | undefined
}

/** The authority in PEM, and its file for NODE_EXTRA_CA_CERTS. Made by openssl(1), one for each test. */
export function authority(): { readonly pem: string; readonly file: string } {
  made ??= makeAuthority()
  return { pem: readFileSync(join(made, 'ca.pem'), 'utf8'), file: join(made, 'ca.pem') }
}

let made: string | null = null

function makeAuthority(): string {
  const folder = mkdtempSync(join(tmpdir(), 'autoup-ca-'))
  onEnd(() => {
    made = null
    rmSync(folder, { recursive: true, force: true })
  })
  openssl(folder, 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=autoup-test', [
    ...['-keyout', 'ca.key', '-out', 'ca.pem'],
  ])
  return folder
}

/** For a server, by the authority of the test. */
export function certificate({ names = ['localhost', 'release.test'], days = 1 }: CertificateOptions = {}): {
  key: Buffer
  cert: Buffer
} {
  authority()
  const folder = made as string
  const id = `leaf-${Math.random().toString(36).slice(2)}`
  writeFileSync(join(folder, `${id}.ext`), `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}\n`)
  openssl(folder, 'req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=server', [
    ...['-keyout', `${id}.key`, '-out', `${id}.csr`],
  ])
  openssl(folder, `x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days ${days}`, [
    ...['-in', `${id}.csr`, '-extfile', `${id}.ext`, '-out', `${id}.pem`],
  ])
  return { key: readFileSync(join(folder, `${id}.key`)), cert: readFileSync(join(folder, `${id}.pem`)) }
}

function openssl(cwd: string, words: string, more: string[]): void {
  execFileSync('openssl', [...words.split(' '), ...more], { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
}

async function listen(server: http.Server, handler: Handler, scheme: string, host: string): Promise<Web> {
  const requests: Asked[] = []
  server.on('request', (request: http.IncomingMessage, response: http.ServerResponse) => {
    requests.push({ line: `${request.method} ${request.url}`, headers: request.headers })
    response.on('error', () => undefined)
    handler(request, response)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, host, resolve)
  })
  onEnd(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  const name = scheme === 'https' ? 'localhost' : host.includes(':') ? `[${host}]` : host
  return { origin: `${scheme}://${name}:${port}`, port, requests }
}
