import fc from 'fast-check'
import { expect, test } from 'vitest'
import { githubFetcher } from '../../fetchers/github.ts'
import { AutoupError } from '../../src/core/errors.ts'
import { waitMsOf } from '../../src/core/incomplete.ts'
import type { FetchContext, HttpAnswer } from '../../src/core/source.ts'
import { contextFor } from '../support/github-check.ts'
import { startGithub } from '../support/github-server.ts'

type Answer = HttpAnswer & { readonly body: string }

/** What GitHub really answers, and a context in which it answers something else. */
async function setUp(): Promise<{ answer: Answer; context: FetchContext; tell(answer: Answer): FetchContext }> {
  const github = await startGithub()
  github.publish('v1.0.0', { assets: { 'app-linux-x64': 'x', 'app-linux-x64.sha256': 'y' } })
  const context = contextFor(github)
  const answer = await context.http.text(`${github.url}/repos/org/app/releases?per_page=30`)
  return { answer, context, tell: (told) => ({ ...context, http: { ...context.http, text: async () => told } }) }
}

/** Neither a crash nor a hang: a sensible check, or a sentence. */
async function judge(context: FetchContext): Promise<void> {
  const result = await githubFetcher.check(context, null).catch((error: unknown) => error)
  if (result instanceof AutoupError) {
    expect(result.message).toMatch(/^[^\p{Cc}]{10,600}$/u)
    expect(waitMsOf(result) ?? 0).toBeLessThanOrEqual(3_600_000)
    return
  }
  expect(result).toHaveProperty('kind')
  const check = result as Awaited<ReturnType<typeof githubFetcher.check>>
  if (check.kind !== 'release') return
  const { name, size, digest, version, siblings } = check.release
  expect(name).toMatch(/^[^/\\\p{Cc}]{1,255}$/u)
  expect(digest === null || /^sha256-[0-9a-f]{64}$/.test(digest)).toBe(true)
  expect(Number.isSafeInteger(size)).toBe(true)
  expect(version).toMatch(/^\d+\.\d+\.\d+/)
  expect(siblings).not.toContain(name)
}

test('answers with bytes changed, cut or doubled end in a release or a sentence', async () => {
  const { answer, tell } = await setUp()
  const { body } = answer
  const changes = fc.record({
    at: fc.nat(body.length - 1),
    length: fc.nat(40),
    put: fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('"', '[', '}', 'null', '-1', '1e999', '\\u0000', '../')),
    times: fc.constantFrom(1, 1, 1, 2, 50),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(changes, { minLength: 1, maxLength: 3 }), async (all) => {
      let text = body
      for (const { at, length, put, times } of all)
        text = text.slice(0, at) + put.repeat(times) + text.slice(at + length)
      await judge(tell({ ...answer, body: text }))
    }),
    { numRuns: 1_000 },
  )
})

test('values of any kind in any field end in a release or a sentence', async () => {
  const { answer, tell } = await setUp()
  const [release] = JSON.parse(answer.body) as [Record<string, unknown> & { assets: Record<string, unknown>[] }]
  const value = fc.oneof(
    fc.jsonValue(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('v1.0.0', '__proto__', 1e300, -0),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...Object.keys(release)),
      fc.constantFrom(...Object.keys(release.assets[0]!)),
      value,
      value,
      async (field, assetField, one, other) => {
        const assets = release.assets.map((asset, index) => (index === 0 ? { ...asset, [assetField]: other } : asset))
        const changed = [
          { ...release, assets, [field]: one },
          { ...release, assets },
        ]
        await judge(tell({ ...answer, body: JSON.stringify(changed) }))
      },
    ),
    { numRuns: 500 },
  )
})

test('any status and any headers end in a release or a sentence', async () => {
  const { answer, tell } = await setUp()
  const header = fc.oneof(
    fc.string(),
    fc.constantFrom('0', '-1', '1507651200000', '99999999999999999999', 'Tue, 10 Oct 2017'),
  )
  const names = [
    'retry-after',
    'x-ratelimit-remaining',
    'x-ratelimit-limit',
    'x-ratelimit-reset',
    'link',
    'etag',
    'date',
  ]
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.constant(200), fc.integer({ min: 100, max: 599 })),
      fc.record(Object.fromEntries(names.map((name) => [name, header])), { requiredKeys: [] }),
      fc.constantFrom(answer.body, '', '{"message":"API rate limit exceeded"}', '{"message":{}}', 'null'),
      async (status, headers, body) => {
        await judge(tell({ ...answer, status, headers: headers as Record<string, string>, body }))
      },
    ),
    { numRuns: 500 },
  )
})

test('pages without end are not followed for ever', async () => {
  const { answer, context } = await setUp()
  let asked = 0
  const text = async (url: string): Promise<Answer> => {
    asked++
    const next = new URL(url)
    next.searchParams.set('page', String(asked))
    return { ...answer, url, headers: { link: `<${next}>; rel="next"` } }
  }
  await judge({ ...context, http: { ...context.http, text } })
  expect(asked).toBe(11)
})
