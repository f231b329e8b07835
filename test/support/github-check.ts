/** One check of `github:` in this process, against a GitHub of the test's own: as the stager makes it. */

import { tmpdir } from 'node:os'
import { vi } from 'vitest'
import { githubFetcher } from '../../fetchers/github.ts'
import type { BudgetBook, Check, FetchContext, Known, Release } from '../../src/core/source.ts'
import { createHttpClient } from '../../src/system/http/client.ts'
import type { Github } from './github-server.ts'
import { onEnd } from './on-end.ts'

export interface Asking {
  /** What follows `github:`. Default `org/app`. */
  location?: string
  token?: string | null
  known?: Known
  platform?: FetchContext['platform']
  /** Default: nothing is remembered from one check to the next. */
  budgets?: BudgetBook
}

export type Found = Extract<Check, { kind: 'release' }>

export const LINUX: FetchContext['platform'] = { os: 'linux', arch: 'x64', libc: 'glibc' }

export function contextFor(github: Github, asking: Asking = {}): FetchContext & { readonly warnings: string[] } {
  vi.stubEnv('GITHUB_API_URL', github.url)
  const aborted = new AbortController()
  onEnd(() => {
    vi.unstubAllEnvs()
    aborted.abort()
  })
  const warnings: string[] = []
  return {
    location: asking.location ?? 'org/app',
    platform: asking.platform ?? LINUX,
    signal: aborted.signal,
    http: createHttpClient({ signal: aborted.signal, allowPlain: false }),
    token: asking.token === undefined ? github.token : asking.token,
    scratch: tmpdir(),
    ...(asking.budgets === undefined ? {} : { budgets: asking.budgets }),
    warn: (message) => void warnings.push(message),
    warnings,
  }
}

export async function check(github: Github, asking: Asking = {}): Promise<Check> {
  return await githubFetcher.check(contextFor(github, asking), asking.known ?? null)
}

/** Fails when it is something else. */
export async function found(github: Github, asking: Asking = {}): Promise<Found> {
  const result = await check(github, asking)
  if (result.kind !== 'release') throw new Error(`no release: ${JSON.stringify(result)}`)
  return result
}

/** What a fetch delivers, taken up again where it was cut, and from where each piece came. */
export async function fetched(context: FetchContext, release: Release): Promise<{ bytes: Buffer; from: number[] }> {
  let bytes = Buffer.alloc(0)
  const from: number[] = []
  await githubFetcher.fetch(context, release, {
    async artifact(open) {
      for (let tries = 0; ; tries++) {
        try {
          const piece = await open(bytes.length)
          from.push(piece.from)
          bytes = bytes.subarray(0, piece.from)
          for await (const chunk of piece.bytes) bytes = Buffer.concat([bytes, chunk])
          return
        } catch (error) {
          if (tries === 5) throw error
        }
      }
    },
    tree: () => Promise.reject(new Error('not a tree')),
  })
  return { bytes, from }
}
