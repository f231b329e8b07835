/** What tests of the `https:` source need: a context with a real client, a check, a sink that collects. */

import { createHash } from 'node:crypto'
import type { FileKnown } from '../../fetchers/https/known.ts'
import { httpsFetcher } from '../../fetchers/https.ts'
import type { Check, FetchContext, Known, Release, Sink } from '../../src/core/source.ts'
import { createHttpClient } from '../../src/system/http/client.ts'

export const APP = '#!/bin/sh\necho one\n'
export const NEXT = '#!/bin/sh\necho two\n'

export function sha256(body: string | Buffer): string {
  return createHash('sha256').update(body).digest('hex')
}

export function contextOf(location: string, more: Partial<FetchContext> = {}): FetchContext {
  const signal = new AbortController().signal
  return {
    location,
    platform: { os: 'linux', arch: 'x64', libc: 'glibc' },
    http: createHttpClient({ signal, allowPlain: false, env: {} }),
    token: null,
    scratch: '/nonexistent',
    signal,
    warn: () => undefined,
    ...more,
  }
}

export function check(context: FetchContext, known: Known | null = null): Promise<Check> {
  return httpsFetcher.check(context, known)
}

export async function released(
  context: FetchContext,
  known: Known | null = null,
): Promise<{ release: Release; known: FileKnown }> {
  const result = await check(context, known)
  if (result.kind !== 'release') throw new Error(JSON.stringify(result))
  return { release: result.release, known: result.known as FileKnown }
}

/** Collects what is delivered, from what is here already. */
export function collector(here = ''): Sink & { text: string; identity: string | null } {
  return {
    text: here,
    identity: null,
    async artifact(open, identity) {
      this.identity = identity
      const { from, bytes } = await open(this.text.length)
      this.text = this.text.slice(0, from)
      for await (const piece of bytes) this.text += Buffer.from(piece).toString('latin1')
    },
    tree: () => Promise.reject(new Error('no tree')),
  }
}

export async function fetched(
  context: FetchContext,
  release: Release,
  sink: ReturnType<typeof collector> = collector(),
): Promise<ReturnType<typeof collector>> {
  await httpsFetcher.fetch(context, release, sink)
  return sink
}

export function messageOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    (value) => `no error: ${JSON.stringify(value)}`,
    (error: Error) => error.message,
  )
}
