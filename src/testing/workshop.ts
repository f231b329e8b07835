/**
 * A stager for tests: the context that a fetcher gets, with the real HTTP client, and a sink that looks closely at what
 * is delivered. Known values go through JSON, as they do on their way to the ledger. Everything on disk is removed when
 * the check ends.
 */

import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../core/errors.ts'
import type { Check, FetchContext, Fetcher, Known, Release, Sink } from '../core/source.ts'
import { checkAnswer } from '../runtime/stager/check-answer.ts'
import { hostPlatform } from '../runtime/stager/host-platform.ts'
import { lazyHttpClient } from '../runtime/stager/lazy-http.ts'
import { removeTree } from '../system/tree.ts'
import type { Published } from './conformance.ts'

export interface Workshop {
  withToken(token: string): Workshop
  check(fetcher: Fetcher, known: Known | null): Promise<Check>
  /** Again while the release is incomplete. */
  settledCheck(fetcher: Fetcher, known: Known | null): Promise<Check>
  expectDelivery(fetcher: Fetcher, release: Release, published: Published): Promise<void>
  expectResumed(fetcher: Fetcher, release: Release, published: Uint8Array): Promise<void>
  expectGivenUp(fetcher: Fetcher, release: Release): Promise<void>
  /** What is told where there is no release. */
  messageOf(run: () => Promise<Check>): Promise<string>
}

/** After the signal. */
const GIVE_UP_MS = 5_000
const AGAIN_MS = 50

export async function inContext(
  location: string,
  deadlineMs: number,
  body: (workshop: Workshop) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'autoup-conformance-'))
  try {
    await body(workshopIn(folder, location, deadlineMs, null))
  } finally {
    await removeTree(folder)
  }
}

let jobs = 0

function workshopIn(folder: string, location: string, deadlineMs: number, token: string | null): Workshop {
  const contextFor = (signal: AbortSignal): FetchContext => ({
    location,
    platform: hostPlatform(),
    signal,
    http: lazyHttpClient({ signal, allowPlain: false }),
    token,
    scratch: join(folder, `scratch-${jobs++}`),
    warn: () => undefined,
  })
  const context = (): FetchContext => contextFor(new AbortController().signal)
  const inTime = <T>(work: Promise<T>, what: string): Promise<T> => within(work, deadlineMs, what)

  const workshop: Workshop = {
    withToken: (secret) => workshopIn(folder, location, deadlineMs, secret),

    async check(fetcher, known) {
      const answer = await inTime(fetcher.check(context(), throughJson(known)), 'check')
      const check = checkAnswer('the test', answer)
      return 'known' in check ? { ...check, known: throughJson(check.known) } : check
    },

    async settledCheck(fetcher, known) {
      for (const end = performance.now() + deadlineMs; ; await delay(AGAIN_MS)) {
        const check = await workshop.check(fetcher, known)
        if (check.kind !== 'incomplete' || performance.now() > end) return check
      }
    },

    async expectDelivery(fetcher, release, published) {
      const delivered: unknown[] = []
      const sink: Sink = {
        async artifact(open, identity) {
          assert.ok(published instanceof Uint8Array, 'a tree was published, and an artifact is delivered')
          assert.ok(identity === null || typeof identity === 'string', 'an identity is a text or null')
          delivered.push(await bytesFrom(open, 0, published))
        },
        async tree(fill) {
          assert.ok(!(published instanceof Uint8Array), 'an artifact was published, and a tree is delivered')
          const directory = join(folder, `tree-${jobs++}`)
          await mkdir(directory)
          await fill(directory)
          for (const [path, bytes] of Object.entries(published)) {
            assert.deepEqual(await readFile(join(directory, path)), Buffer.from(bytes), `${path} has other bytes`)
          }
          delivered.push(directory)
        },
      }
      await inTime(fetcher.fetch(context(), release, sink), 'fetch')
      assert.equal(delivered.length, 1, 'a fetcher delivers exactly once')
      if (published instanceof Uint8Array && release.size !== null) assert.equal(release.size, published.length)
    },

    async expectResumed(fetcher, release, published) {
      const half = Math.floor(published.length / 2)
      const sink: Sink = {
        artifact: async (open) => void (await bytesFrom(open, half, published)),
        tree: () => Promise.reject(new Error('an artifact was published, and a tree is delivered')),
      }
      await inTime(fetcher.fetch(context(), release, sink), 'fetch')
    },

    async expectGivenUp(fetcher, release) {
      const ended = new AbortController()
      ended.abort()
      const settled = (work: Promise<unknown>): Promise<unknown> => work.catch(() => undefined)
      await within(settled(fetcher.check(contextFor(ended.signal), null)), GIVE_UP_MS, 'check that was given up')
      const during = new AbortController()
      const sink: Sink = {
        async artifact(open) {
          for await (const _ of (await open(0)).bytes) during.abort()
        },
        async tree(fill) {
          const directory = join(folder, `tree-${jobs++}`)
          await mkdir(directory)
          setTimeout(() => during.abort(), AGAIN_MS)
          await fill(directory)
        },
      }
      const fetching = settled(fetcher.fetch(contextFor(during.signal), release, sink))
      const told = new Promise((resolve) => during.signal.addEventListener('abort', resolve))
      await within(Promise.race([fetching, told]), deadlineMs, 'fetch')
      await within(fetching, GIVE_UP_MS, 'fetch that was given up')
    },

    async messageOf(run) {
      try {
        const check = await run()
        if ('message' in check) return check.message
        assert.fail(`nothing is there, and the answer was ${JSON.stringify(check)}`)
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error
        assert.ok(error instanceof Error, 'what is thrown is an Error')
        return messageOf(error)
      }
    },
  }
  return workshop
}

/** Whatever is asked for: the answer says where it begins, and its bytes are those from there on. */
async function bytesFrom(open: Parameters<Sink['artifact']>[0], from: number, published: Uint8Array): Promise<number> {
  const piece = await open(from)
  assert.ok(piece.from === from || piece.from === 0, `asked for bytes from ${from}, and they begin at ${piece.from}`)
  const chunks: Uint8Array[] = []
  for await (const chunk of piece.bytes) {
    assert.ok(chunk instanceof Uint8Array, 'bytes come as Uint8Array')
    // Good until the next one is asked for.
    chunks.push(Uint8Array.from(chunk))
  }
  const bytes = Buffer.concat(chunks)
  assert.ok(bytes.equals(published.subarray(piece.from)), `the ${bytes.length} bytes are not those that were published`)
  return bytes.length
}

function throughJson<T>(value: T): T {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T)
}

async function within<T>(work: Promise<T>, deadlineMs: number, what: string): Promise<T> {
  const late = new AbortController()
  try {
    const deadline = delay(deadlineMs, null, { signal: late.signal }).then(() => {
      throw new Error(`the ${what} did not end in ${deadlineMs} ms`)
    })
    deadline.catch(() => undefined)
    return await Promise.race([work, deadline])
  } finally {
    late.abort()
  }
}
