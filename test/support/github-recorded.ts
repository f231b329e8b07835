/** What @octokit/fixtures has recorded of GitHub's answers, and how they are sent with other values filled in. */

import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { components } from '@octokit/openapi-types'

export type ApiRelease = components['schemas']['release']
export type ApiAsset = components['schemas']['release-asset']

const RECORDED = fixture('release-assets')
export const TEMPLATE = {
  release: RECORDED[0]!.response as ApiRelease,
  asset: RECORDED[3]!.response as ApiAsset,
  headers: RECORDED[0]!.headers,
  moved: fixture('rename-repository')[1]!.response as object,
}
/** With the headers that GitHub sends; those of this answer come last. */
export function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const text = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  const recorded = Object.entries(TEMPLATE.headers).filter(
    ([name]) => !/^(?:etag|date|connection|content-length|last-modified|x-ratelimit-.*)$/.test(name),
  )
  const all = { ...Object.fromEntries(recorded), 'content-length': String(Buffer.byteLength(text)), ...headers }
  response.writeHead(status, all as Record<string, string>).end(text)
}

/** As the host of assets does, from an offset on. */
export function sendBytes(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
  cutAfter: number | null,
): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  if (from >= bytes.length && from > 0) {
    return void response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end()
  }
  const rest = bytes.subarray(from)
  const range = { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }
  const head = { 'content-type': 'application/octet-stream', 'content-length': String(rest.length), etag: '"0x8"' }
  response.writeHead(from > 0 ? 206 : 200, from > 0 ? { ...head, ...range } : head)
  if (cutAfter === null || cutAfter >= rest.length) response.end(rest)
  else response.write(rest.subarray(0, cutAfter), () => response.destroy())
}

interface Recorded {
  readonly response: unknown
  readonly headers: Readonly<Record<string, string | number>>
}

/** From the file: the package itself replaces Node's `http` when it is imported. */
function fixture(scenario: string): readonly Recorded[] {
  const path = `../../node_modules/@octokit/fixtures/scenarios/api.github.com/${scenario}/normalized-fixture.json`
  return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as Recorded[]
}
