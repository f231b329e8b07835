/** The checks that autoup offers to plugins, against its own fetchers and the example; and that they can fail. */

import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { fileFetcher } from '../../fetchers/file.ts'
import { githubFetcher } from '../../fetchers/github.ts'
import { httpsFetcher } from '../../fetchers/https.ts'
import { fetcherFor } from '../../fetchers/index.ts'
import { npmFetcher } from '../../fetchers/npm.ts'
import type { Fetcher } from '../../src/core/source.ts'
import { conformance, type Subject, type TestSource } from '../../src/testing/index.ts'
import { startGithub } from '../support/github-server.ts'
import { startNpmRegistry } from '../support/npm-registry.ts'
import { needs } from '../support/requirements.ts'
import { serveSite } from '../support/site.ts'

const bytesOf = (number: number): Uint8Array => Buffer.from(`#!/bin/sh\necho ${number}\n`.repeat(10_000))

const file: Subject = {
  fetcher: fileFetcher,
  async open() {
    const folder = await mkdtemp(join(tmpdir(), 'autoup-file-'))
    const location = join(folder, 'app')
    return {
      location,
      async publish(number) {
        await writeFile(join(folder, 'next'), bytesOf(number), { mode: 0o755 })
        await rename(join(folder, 'next'), location)
        return bytesOf(number)
      },
      close: () => rm(folder, { recursive: true }),
    }
  },
}

const directory: Subject = {
  fetcher: fileFetcher,
  async open() {
    const folder = await mkdtemp(join(tmpdir(), 'autoup-directory-'))
    const location = join(folder, 'app')
    return {
      location,
      async publish(number) {
        await rm(location, { recursive: true, force: true })
        await mkdir(join(location, 'bin'), { recursive: true })
        await writeFile(join(location, 'bin/app'), bytesOf(number), { mode: 0o755 })
        return { 'bin/app': bytesOf(number) }
      },
      close: () => rm(folder, { recursive: true }),
    }
  },
}

const npm: Subject = {
  fetcher: npmFetcher,
  async open() {
    const registry = await startNpmRegistry()
    await writeFile(npmrc, `registry=${registry.url}\n`)
    return {
      location: 'app',
      async publish(number) {
        const files = { 'server.js': `#!/usr/bin/env node\n// ${number}\n` }
        await registry.publish({ name: 'app', version: `${number}.0.0`, files, manifest: { bin: 'server.js' } })
        return { 'node_modules/app/server.js': Buffer.from(files['server.js']) }
      },
      close: () => registry.stop(),
    }
  },
}

const https: Subject = {
  fetcher: httpsFetcher,
  async open() {
    const site = await serveSite()
    return {
      location: `${site.origin}/app`,
      async publish(number) {
        site.put('/app', Buffer.from(bytesOf(number)))
        return bytesOf(number)
      },
      close: async () => undefined,
    }
  },
}

const versioned: Subject = {
  fetcher: httpsFetcher,
  async open() {
    const site = await serveSite()
    return {
      location: `${site.origin}/app-{version}@${site.origin}/stable.txt`,
      async publish(number) {
        site.put(`/app-${number}.0.0`, Buffer.from(bytesOf(number)))
        site.put('/stable.txt', `${number}.0.0\n`)
        return bytesOf(number)
      },
      close: async () => undefined,
    }
  },
}

const github: Subject = {
  fetcher: githubFetcher,
  async open() {
    const server = await startGithub()
    vi.stubEnv('GITHUB_API_URL', server.url)
    return {
      location: 'org/app',
      async publish(number) {
        server.publish(`v${number}.0.0`, { assets: { 'app-linux-amd64': Buffer.from(bytesOf(number)) } })
        return bytesOf(number)
      },
      close: async () => void vi.unstubAllEnvs(),
    }
  },
}

/** What examples/custom-fetcher expects: VERSION, app-VERSION and its checksum. */
async function versionServer(): Promise<TestSource> {
  const files = new Map<string, Uint8Array>()
  const server = createServer((request, response) => {
    const bytes = files.get(request.url ?? '')
    if (!bytes) return void response.writeHead(404).end()
    const etag = `"${createHash('sha256').update(bytes).digest('hex')}"`
    if (request.headers['if-none-match'] === etag) return void response.writeHead(304, { etag }).end()
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    response.writeHead(from > 0 ? 206 : 200, { etag }).end(bytes.subarray(from))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    location: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async publish(number) {
      const digest = createHash('sha256').update(bytesOf(number)).digest('hex')
      files.set(`/app-${number}.0.0`, bytesOf(number))
      files.set(`/app-${number}.0.0.sha256`, Buffer.from(`${digest}  app-${number}.0.0\n`))
      files.set('/VERSION', Buffer.from(`${number}.0.0\n`))
      return bytesOf(number)
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

let folder: string
let npmrc: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'autoup-conformance-'))
  npmrc = join(folder, 'npmrc')
  for (const name of Object.keys(process.env)) if (/^npm_config_/i.test(name)) delete process.env[name]
  process.env.npm_config_userconfig = npmrc
})

afterAll(async () => {
  delete process.env.npm_config_userconfig
  await rm(folder, { recursive: true })
})

function suite(name: string, subject: Subject): void {
  describe(name, () => {
    for (const { name: behaviour, run } of conformance(subject)) test(behaviour, run, 60_000)
  })
}

const { fetcher: example } = await fetcherFor('./examples/custom-fetcher/version-file.mjs?')

suite('file:, a file,', file)
suite('file:, a directory,', directory)
suite('https:', https)
suite('https:, a version that a text says,', versioned)
suite('github:', github)
suite('the example of a plugin', { fetcher: example, open: versionServer })
needs('npm').describe('with npm', () => suite('npm:', npm))

describe('the checks', () => {
  async function failing(change: (fetcher: Fetcher) => Partial<Fetcher>): Promise<string[]> {
    const open = async (): Promise<TestSource> => {
      const source = await versionServer()
      onTestFinished(() => source.close().catch(() => undefined))
      return source
    }
    const failed: string[] = []
    for (const { name, run } of conformance({ fetcher: { ...example, ...change(example) }, open, deadlineMs: 1_000 })) {
      await run().catch(() => failed.push(name))
    }
    return failed
  }

  test('all hold for a fetcher that is right', async () => {
    expect(await failing(() => ({}))).toEqual([])
  })

  test.each<[string, string, (fetcher: Fetcher) => Partial<Fetcher>]>([
    [
      'a release again and again',
      'says unchanged as long as nothing is published',
      ({ check }) => ({ check: (context) => check(context, null) }),
    ],
    [
      'unchanged for ever',
      'finds a new release, and tells it from the one before',
      ({ check }) => ({
        check: async (context, known) => (known === null ? check(context, null) : { kind: 'unchanged' }),
      }),
    ],
    [
      'other bytes',
      'delivers the bytes that were published, once',
      () => ({
        fetch: (_context, _release, into) =>
          into.artifact(
            async () => ({
              from: 0,
              bytes: (async function* () {
                yield Buffer.from('x')
              })(),
            }),
            null,
          ),
      }),
    ],
    [
      'bytes that do not go on where they say',
      'goes on where a download was cut, or begins again',
      ({ fetch }) => ({
        fetch: (context, release, into) =>
          fetch(context, release, {
            ...into,
            artifact: (open, identity) => into.artifact(async (from) => ({ ...(await open(0)), from }), identity),
          }),
      }),
    ],
    [
      'nonsense',
      'finds a release where nothing is known',
      () => ({ check: async () => ({ kind: 'release', release: {}, known: 1 }) as never }),
    ],
    [
      'an error for programmers',
      'says in a sentence that nothing is there',
      () => ({
        check: async () => {
          throw new TypeError("Cannot read properties of undefined (reading 'version')\n    at x.js:1:1")
        },
      }),
    ],
    [
      'no answer',
      'gives up when it is told to',
      ({ check }) => ({
        check: (context, known) => (context.signal.aborted ? new Promise(() => undefined) : check(context, known)),
      }),
    ],
    [
      'its token',
      'keeps the token to itself',
      ({ check }) => ({
        check: async (context, known) => {
          const answer = await check(context, known)
          return answer.kind === 'release'
            ? { ...answer, known: { ...(answer.known as object), token: context.token } }
            : answer
        },
      }),
    ],
  ])(
    'find a fetcher that gives %s',
    async (_, name, change) => {
      expect(await failing(change)).toContain(name)
    },
    60_000,
  )
})
