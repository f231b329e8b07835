/**
 * A registry of the test's own on loopback, as npm speaks to it: packuments (small ones and whole), single versions,
 * tarballs, keys. It can be made to misbehave in the ways of section 7, and remembers what it was asked. npm is pointed
 * to it through a user's .npmrc, so that nothing of the machine's own configuration counts.
 */

import { createHash, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { create } from 'tar'
import { onEnd } from './on-end.ts'

export interface PublishedPackage {
  readonly name: string
  readonly version: string
  /** By path in the package; a `bin` is made executable by npm. */
  readonly files?: Readonly<Record<string, string>>
  /** More of its package.json. */
  readonly manifest?: Readonly<Record<string, unknown>>
  /** What the registry says of it, where that is not what its package.json says. */
  readonly announced?: Readonly<Record<string, unknown>>
  readonly tag?: string | null
  readonly signature?: 'good' | 'none' | 'of another' | 'by another key'
  readonly integrity?: 'good' | 'none'
  readonly publishedAt?: string
  /** Instead of one made of the above. */
  readonly tarball?: Buffer
}

export interface NpmRegistry {
  readonly url: string
  /** Path of an .npmrc that names it. */
  readonly npmrc: string
  publish(what: PublishedPackage): Promise<void>
  /** Other bytes under the same name; what is announced stays. */
  tamper(name: string, version: string): void
  /** What it was asked, `GET /app`; `authorization` headers apart. */
  readonly asked: string[]
  readonly tokens: Set<string>
  /** Null: everybody may read. */
  requireToken(token: string | null): void
  /** Whether it has keys; default no. */
  signs(yes: boolean): void
  expireKey(at: string): void
  stop(): Promise<void>
}

interface Stored {
  readonly manifest: Record<string, unknown>
  tarball: Buffer
  readonly publishedAt: string
}

export async function startNpmRegistry(): Promise<NpmRegistry> {
  const folder = mkdtempSync(join(tmpdir(), 'autoup-npm-'))
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const packages = new Map<string, { tags: Record<string, string>; versions: Map<string, Stored> }>()
  const asked: string[] = []
  const tokens = new Set<string>()
  let token: string | null = null
  let hasKeys = false
  let expires: string | null = null
  const server: Server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const npmrc = join(folder, 'npmrc')
  writeFileSync(npmrc, `registry=${url}\n`)
  const stop = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  onEnd(async () => {
    if (server.listening) await stop()
    rmSync(folder, { recursive: true, force: true })
  })

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURIComponent((request.url ?? '').split('?')[0] ?? '').slice(1)
    asked.push(`${request.method} /${path}`)
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
    if (bearer !== undefined) tokens.add(bearer)
    if (token !== null && bearer !== token) return json(response, 401, { error: 'unauthorized' })
    if (path === '-/npm/v1/keys') {
      if (!hasKeys) return json(response, 404, {})
      return json(response, 200, { keys: [{ ...keyOf(key.publicKey), expires }] })
    }
    const [, name = '', rest = ''] = /^((?:@[^/]+\/)?[^/]+)(?:\/(.*))?$/.exec(path) ?? []
    const found = packages.get(name)
    if (!found) return json(response, 404, { error: 'Not found' })
    if (rest.startsWith('-/')) {
      const stored = [...found.versions].find(([version]) => rest.endsWith(`-${version}.tgz`))?.[1]
      if (!stored) return json(response, 404, {})
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': stored.tarball.length })
      response.end(stored.tarball)
      return
    }
    if (rest !== '') {
      const stored = found.versions.get(found.tags[rest] ?? rest)
      return stored ? conditional(request, response, stored.manifest) : json(response, 404, 'version not found')
    }
    const isSmall = request.headers.accept?.includes('application/vnd.npm.install-v1+json') === true
    const versions = Object.fromEntries([...found.versions].map(([version, { manifest }]) => [version, manifest]))
    const time = Object.fromEntries([...found.versions].map(([version, { publishedAt }]) => [version, publishedAt]))
    return conditional(request, response, {
      name,
      'dist-tags': found.tags,
      versions,
      ...(isSmall ? { modified: '2026-01-01T00:00:00Z' } : { time }),
    })
  }

  return {
    url,
    npmrc,
    asked,
    tokens,
    async publish(what) {
      const { name, version, files = {}, manifest = {}, announced = {}, tag = 'latest' } = what
      const tarball = what.tarball ?? (await pack(folder, { name, version, ...manifest }, files))
      const integrity = integrityOf(tarball)
      const sign = (by: KeyObject, text: string) => ({
        keyid: keyOf(key.publicKey).keyid,
        sig: createSign('sha256').update(text).sign(by, 'base64'),
      })
      const signatures = {
        good: [sign(key.privateKey, `${name}@${version}:${integrity}`)],
        none: undefined,
        'of another': [sign(key.privateKey, `${name}@0.0.1:${integrity}`)],
        'by another key': [sign(stranger.privateKey, `${name}@${version}:${integrity}`)],
      }[what.signature ?? 'good']
      const found = packages.get(name) ?? { tags: {}, versions: new Map<string, Stored>() }
      packages.set(name, found)
      if (tag !== null) found.tags[tag] = version
      const base = name.slice(name.lastIndexOf('/') + 1)
      const dist = {
        tarball: `${url}${name}/-/${base}-${version}.tgz`,
        ...(what.integrity === 'none' ? {} : { integrity }),
        ...(signatures ? { signatures } : {}),
      }
      const publishedAt = what.publishedAt ?? '2026-01-01T00:00:00.000Z'
      found.versions.set(version, {
        manifest: { name, version, ...manifest, ...announced, dist },
        tarball,
        publishedAt,
      })
    },
    tamper(name, version) {
      const stored = packages.get(name)!.versions.get(version)!
      // In the middle of the compressed data.
      stored.tarball = Buffer.from(stored.tarball)
      stored.tarball[Math.floor(stored.tarball.length / 2)]! ^= 1
    },
    requireToken(value) {
      token = value
    },
    signs(yes) {
      hasKeys = yes
    },
    expireKey(at) {
      expires = at
    },
    stop,
  }
}

/** As `npm pack` does it: everything in a folder `package`. */
async function pack(
  folder: string,
  manifest: Record<string, unknown>,
  files: Readonly<Record<string, string>>,
): Promise<Buffer> {
  const work = mkdtempSync(join(folder, 'pack-'))
  for (const [path, text] of Object.entries({ ...files, 'package.json': JSON.stringify(manifest) })) {
    mkdirSync(dirname(join(work, 'package', path)), { recursive: true })
    writeFileSync(join(work, 'package', path), text)
  }
  const chunks: Buffer[] = []
  for await (const chunk of create({ cwd: work, gzip: true, portable: true, noMtime: true }, ['package']))
    chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

function integrityOf(bytes: Buffer): string {
  return `sha512-${createHash('sha512').update(bytes).digest('base64')}`
}

function keyOf(key: KeyObject): { keyid: string; key: string; keytype: string; scheme: string } {
  const der = key.export({ type: 'spki', format: 'der' })
  const keyid = `SHA256:${createHash('sha256').update(der).digest('base64').replace(/=+$/, '')}`
  return { keyid, key: der.toString('base64'), keytype: 'ecdsa-sha2-nistp256', scheme: 'ecdsa-sha2-nistp256' }
}

function conditional(request: IncomingMessage, response: ServerResponse, value: unknown): void {
  const body = JSON.stringify(value)
  const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, { etag }).end()
    return
  }
  response.writeHead(200, { 'content-type': 'application/json', etag }).end(body)
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}
