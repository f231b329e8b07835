/**
 * A service that follows a web server which turns hostile: 1.0.0 is in service, every further release comes from a
 * handler of the test's own. `unharmed` is what must hold after whatever that did.
 */

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type Signer, signatureOf } from '../trust/minisign-signer.ts'
import { ask } from './ask.ts'
import { type Artifact, archive, nodeServer } from './builds.ts'
import { limitedAutoup, type OtherLimits } from './limited.ts'
import { type Finished, type Master, startMaster, temporaryDirectory } from './master.ts'
import { freePort } from './ports.ts'
import { memoryOf } from './processes.ts'
import { until } from './until.ts'
import { authority, type Handler, serveHttp, serveTls, type Web } from './web.ts'

/** Everything is checked by hand, so that a test sees each verdict. */
const BY_HAND = ['--interval', '1h', '--probation', '200ms', '--ready-timeout', '5s', '--drain-timeout', '5s']

/** What the master may grow by while its stager meets hundreds of megabytes: its own events and a turn of its collector. */
export const MEMORY_GROWTH = 12 * 2 ** 20

export interface Offer {
  version: string
  /** The path of the artifact; its ending says how it is packed. */
  path?: string
  bytes?: Buffer
  /** What the manifest says of it; null says nothing. Default: the truth. */
  sha256?: string | null
  size?: number | null
  /** Of what is told when it is asked for first. Default: a day. */
  ageMs?: number
  /** Puts a signature beside it. */
  signer?: Signer
}

export interface Victim {
  readonly master: Master
  readonly port: number
  readonly web: Web
  /** Publishes a manifest that names this artifact, and gives it out as `serve` does (default: as it is). */
  /** `others` are by path, `*` whatever else is asked for. */
  offer(offer: Offer, serve?: Handler, others?: Readonly<Record<string, Handler>>): void
  /** From now on answers everything. */
  turn(handler: Handler): void
  /** `autoup upgrade`, to its verdict. */
  upgrade(...args: string[]): Promise<Finished>
  /** The old build serves, nothing is left in the store, and the memory of the master is as it was. */
  unharmed(options?: { version?: string; mayKeepPartial?: boolean }): Promise<void>
  /** The next good release is taken. */
  goesOn(): Promise<void>
  /** Ends the master and starts another one on its state, with these options in place of its own. */
  again(args: string[]): Promise<Master>
}

export interface VictimOptions {
  limits?: OtherLimits
  tls?: boolean
  args?: string[]
  env?: Record<string, string>
  stateDir?: string
  /** Signs 1.0.0. */
  signer?: Signer
}

/** Resolves when 1.0.0 is committed. */
export async function startVictim(options: VictimOptions = {}): Promise<Victim> {
  const { limits, stateDir, signer } = options
  let handler = offering({ version: '1.0.0', bytes: buildOf('1'), ...(signer ? { signer } : {}) })
  const answer: Handler = (request, response) => handler(request, response)
  const web = await (options.tls ? serveTls : serveHttp)(answer)
  const offer: Victim['offer'] = (what, serve, others = {}) => {
    const main = offering(what, serve, others['*'])
    handler = (request, response) => (others[request.url ?? ''] ?? main)(request, response)
  }
  const port = await freePort()
  const args = ['--fetch', `${web.origin}/app.json`, '--listen', `127.0.0.1:${port}`, ...BY_HAND]
  const others = {
    env: { ...options.env, ...(options.tls ? { NODE_EXTRA_CA_CERTS: authority().file } : {}) },
    ...(stateDir === undefined ? {} : { stateDir }),
    ...(limits === undefined ? {} : { program: limitedAutoup(limits) }),
  }
  const master = await startMaster({ ...others, args: [...args, ...(options.args ?? [])] })
  await master.next('build-committed')
  expect(await ask(port)).toMatchObject({ version: '1' })
  const before = memoryOf(master.pid)
  forgetPeak(master.pid)
  let goods = 0
  const victim: Victim = {
    master,
    port,
    web,
    offer,
    turn: (next) => {
      handler = next
    },
    upgrade: (...more) => master.cli('upgrade', ...more),
    async unharmed({ version = '1', mayKeepPartial = false } = {}) {
      expect(await ask(port), master.story()).toMatchObject({ version })
      await nothingLeft(master, mayKeepPartial ? /^partial-/ : null)
      expect(peakOf(master.pid) - before, 'bytes of growth of the master').toBeLessThan(MEMORY_GROWTH)
    },
    async again(more) {
      await master.stop()
      const next = await startMaster({ ...others, args: [...args, ...more], stateDir: master.stateDir })
      await next.next('worker-ready')
      return next
    },
    async goesOn() {
      goods++
      offer({ version: `99.0.${goods}`, bytes: buildOf(`good-${goods}`) })
      const { code, stderr } = await victim.upgrade()
      expect(code, stderr).toBe(0)
      expect(await ask(port)).toMatchObject({ version: `good-${goods}` })
      await nothingLeft(master, null)
    },
  }
  return victim
}

/** What is swept goes behind the verdict's back. */
async function nothingLeft({ home }: Master, but: RegExp | null): Promise<void> {
  let left: string[] = []
  await until('nothing is left in tmp', () => {
    left = readdirSync(join(home, 'tmp')).filter((name) => !but?.test(name))
    return left.length === 0
  }).catch(() => expect(left).toEqual([]))
}

const ARTIFACT = '/app-{version}.tar.gz'

function offering(
  { version, path = ARTIFACT.replace('{version}', version), bytes = buildOf(version), ...more }: Offer,
  serve: Handler = (request, response) => sendBytes(request, response, bytes),
  otherwise: Handler = (_request, response) => void response.writeHead(404).end(),
): Handler {
  const { sha256, size, ageMs = 86_400_000, signer } = more
  const artifact = {
    url: path.slice(1),
    ...(sha256 === null ? {} : { sha256: sha256 ?? sumOf(bytes) }),
    ...(size === null ? {} : { size: size ?? bytes.length }),
  }
  let manifest: string | undefined
  const described = () =>
    JSON.stringify({ version, publishedAt: new Date(Date.now() - ageMs).toISOString(), artifacts: [artifact] })
  return (request, response) => {
    if (request.url === '/app.json') {
      manifest ??= described()
      response.setHeader('content-type', 'application/json').end(manifest)
    } else if (request.url === path) serve(request, response)
    else if (request.url === `${path}.minisig` && signer) response.end(signed(signer, bytes, path, version))
    else otherwise(request, response)
  }
}

function signed(signer: Signer, bytes: Buffer, path: string, version: string): Buffer {
  return signatureOf(signer, bytes, { comment: `timestamp:1\tfile:${path.slice(1)}\tversion:${version}\thashed` })
}

/** As a static server does, with an ETag of the bytes and ranges. */
export function sendBytes(request: IncomingMessage, response: ServerResponse, bytes: Buffer, cutAfter?: number): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const rest = bytes.subarray(from)
  response.setHeader('etag', `"${sumOf(bytes).slice(0, 32)}"`)
  response.setHeader('content-length', rest.length)
  if (from > 0) response.setHeader('content-range', `bytes ${from}-${bytes.length - 1}/${bytes.length}`)
  response.statusCode = from > 0 ? 206 : 200
  if (request.method === 'HEAD') response.end()
  else if (cutAfter === undefined || cutAfter >= rest.length) response.end(rest)
  else if (cutAfter === 0) response.destroy()
  else response.write(rest.subarray(0, cutAfter), () => response.destroy())
}

export function buildOf(version: string): Buffer {
  return bytesOf(archive(nodeServer({ version })))
}

export function bytesOf(artifact: Artifact): Buffer {
  const path = join(temporaryDirectory(), 'artifact')
  artifact(path)
  return readFileSync(path)
}

export function sumOf(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** proc_pid_clear_refs(5): from now on the peak is counted anew. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

/** Of resident memory, in bytes. */
export function peakOf(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
}
