/**
 * Everything that a release consists of, damaged in every byte and at random, through the stager's own code from check
 * to staged: the artifact, its checksum file, its signature, the manifest, the answer of the GitHub API. Whatever comes
 * of it is the genuine artifact or a reason, never a crash and never a hang.
 */

import { readdirSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { StageJob, StageVerdict } from '../../../src/runtime/stager/stage-protocol.ts'
import type { StorePaths } from '../../../src/store/layout.ts'
import { inParallel } from '../../../src/system/parallel.ts'
import { removeTree } from '../../../src/system/tree.ts'
import { assertRuns, damaged, damages, flipped } from '../../support/damage.ts'
import { startGithub } from '../../support/github-server.ts'
import { type Site, serveSite } from '../../support/site.ts'
import { jobFor, runJob, temporaryStore } from '../../support/stores.ts'
import { tar } from '../../support/tar.ts'
import { sumOf } from '../../support/victim.ts'
import { newSigner, signatureOf } from '../../trust/minisign-signer.ts'

const WITHIN_MS = 5_000
const NAME = 'app.tar.gz'
const SIGNER = newSigner()
const ARTIFACT = gzipSync(tar({ path: 'app', data: '#!/bin/sh\nexit 0\n', mode: 0o755 }))
const ID = `sha256-${sumOf(ARTIFACT)}`

/** What a publisher puts beside each other. */
interface Published {
  readonly artifact: Buffer
  readonly sums: Buffer | null
  readonly signature: Buffer | null
  readonly manifest: Buffer | null
}

type Part = keyof Published

const GENUINE = {
  artifact: ARTIFACT,
  sums: Buffer.from(`${sumOf(ARTIFACT)}  ${NAME}\n${'0'.repeat(64)}  other.tar.gz\n`),
  signature: signatureOf(SIGNER, ARTIFACT, { comment: `timestamp:1\tfile:${NAME}\tversion:1.0.0\thashed` }),
  manifest: Buffer.from(JSON.stringify({ version: '1.0.0', artifacts: [{ url: NAME, sha256: ID.slice(7) }] })),
} as const

/** Which parts there are; the rest is not published. */
const SETS = {
  'a file with its checksums': { artifact: GENUINE.artifact, sums: GENUINE.sums, signature: null, manifest: null },
  'a file with its signature': { artifact: GENUINE.artifact, sums: null, signature: GENUINE.signature, manifest: null },
  'a manifest': { artifact: GENUINE.artifact, sums: null, signature: null, manifest: GENUINE.manifest },
  'a manifest and a signature': {
    artifact: GENUINE.artifact,
    sums: null,
    signature: GENUINE.signature,
    manifest: GENUINE.manifest,
  },
} as const satisfies Record<string, Published>

let store: StorePaths
let site: Site
let turn = 0

beforeEach(async () => {
  store = await temporaryStore()
  site = await serveSite()
})

/** From a web server, in a folder of its own. */
async function stage({ artifact, sums, signature, manifest }: Published): Promise<StageVerdict> {
  const folder = `/case-${turn++}`
  site.put(`${folder}/${NAME}`, artifact)
  if (sums) site.put(`${folder}/SHA256SUMS`, sums)
  if (signature) site.put(`${folder}/${NAME}.minisig`, signature)
  if (manifest) site.put(`${folder}/app.json`, { body: manifest, headers: { 'content-type': 'application/json' } })
  const source = `${site.origin}${folder}/${manifest ? 'app.json' : NAME}`
  const verdict = await judge(source, { publicKey: signature ? SIGNER.line : null })
  for (const path of site.pages.keys()) if (path.startsWith(`${folder}/`)) site.pages.delete(path)
  return verdict
}

/** What must hold of every verdict. */
async function judge(source: string, more: Partial<StageJob>): Promise<StageVerdict> {
  const verdict = await runJob(jobFor(store, source, more))
  if (verdict.type === 'staged') {
    expect(verdict.build.id).toBe(ID)
    if (more.publicKey) expect(verdict.build.proofs).toContain('minisign')
    if (verdict.directory !== null) await removeTree(verdict.directory)
    return verdict
  }
  const reason = 'reason' in verdict ? verdict.reason : 'message' in verdict ? verdict.message : ''
  expect(reason).toMatch(/^[^\p{Cc}]{10,}$/u)
  return verdict
}

/** Only the master seals, and it has heard of nothing good. */
function expectNothingSealed(): void {
  expect(readdirSync(store.builds)).toEqual([])
}

test.each(Object.entries(SETS))('%s that is as it should be is staged', async (_, published) => {
  expect(await stage(published)).toMatchObject({ type: 'staged', build: { id: ID } })
})

describe('one flipped bit in any byte', () => {
  test.each<[keyof typeof SETS, Part, boolean]>([
    ['a file with its checksums', 'artifact', false],
    ['a file with its checksums', 'sums', true],
    ['a file with its signature', 'artifact', false],
    // Its first line is a comment that nobody has signed.
    ['a file with its signature', 'signature', true],
    ['a manifest', 'artifact', false],
    // The version of one that is not signed, the spelling of what is not needed.
    ['a manifest', 'manifest', true],
    ['a manifest and a signature', 'manifest', true],
  ])('of %s, in the %s', { timeout: 120_000 }, async (set, part, canBeHarmless) => {
    const published: Published = SETS[set]
    const bytes = published[part] as Buffer
    let refused = 0
    await inParallel([...flipped(bytes)], 4, async (copy) => {
      const verdict = await stage({ ...published, [part]: copy })
      if (verdict.type !== 'staged') refused++
    })
    if (canBeHarmless) expect(refused).toBeGreaterThan(64)
    else expect(refused).toBe(bytes.length)
    expectNothingSealed()
  })

  test('of the sum in a checksum file, of the digest in a manifest, of what is signed is always refused', async () => {
    const hex = ID.slice(7)
    for (const [set, part] of [
      ['a file with its checksums', 'sums'],
      ['a manifest', 'manifest'],
    ] as const) {
      const published: Published = SETS[set]
      const bytes = published[part] as Buffer
      const from = bytes.indexOf(hex)
      await inParallel([...flipped(bytes, from, from + hex.length)], 4, async (copy) => {
        const isSame =
          copy
            .subarray(from, from + hex.length)
            .toString()
            .toLowerCase() === hex
        const verdict = await stage({ ...published, [part]: copy })
        if (!isSame) expect(verdict.type, copy.toString()).not.toBe('staged')
      })
    }
    const { signature } = GENUINE
    const signed = signature.indexOf('\n') + 1
    await inParallel([...flipped(signature, signed, signature.length - 1)], 4, async (copy) => {
      expect(await stage({ ...SETS['a file with its signature'], signature: copy })).not.toMatchObject({
        type: 'staged',
      })
    })
  })

  test('of the digest that the GitHub API gives', { timeout: 120_000 }, async () => {
    const { github, judgeGithub } = await withGithub()
    let turns = 0
    github.garble((text) => {
      const bytes = Buffer.from(text)
      const from = text.indexOf(`sha256:${ID.slice(7)}`)
      if (from < 0) throw new Error('it gives no digest')
      const at = from + (turns % 71)
      bytes[at] = (bytes[at] as number) ^ (1 << (at % 8))
      return bytes
    })
    let harmless = 0
    for (; turns < 71; turns++) if ((await judgeGithub()).type === 'staged') harmless++
    // A letter of the digest in upper case.
    expect(harmless).toBeLessThan(8)
    github.garble(null)
    expect(await judgeGithub()).toMatchObject({ type: 'staged' })
    expectNothingSealed()
  })
})

async function withGithub(others: Readonly<Record<string, Buffer>> = {}) {
  const github = await startGithub({ limits: { anonymous: 60, token: 1e9 } })
  vi.stubEnv('GITHUB_API_URL', github.url)
  github.publish('v1.0.0', { assets: { [NAME]: ARTIFACT, ...others } })
  return { github, judgeGithub: () => judge('github:org/app', { token: github.token }) }
}

describe('random damage', () => {
  const part = fc.constantFrom<Part>('artifact', 'sums', 'signature', 'manifest')

  test.each(Object.entries(SETS))('of any part of %s, or of several', { timeout: 600_000 }, async (_, set) => {
    const published: Published = set
    const damage = fc.array(fc.tuple(part, damages), { minLength: 1, maxLength: 3 })
    await assertRuns(
      fc.asyncProperty(damage, async (all) => {
        const next: Record<Part, Buffer | null> = { ...published }
        for (const [name, how] of all) {
          const bytes = next[name]
          if (bytes !== null) next[name] = damaged(bytes, how)
        }
        await stage(next as Published)
      }),
      0.2,
      { runs: 500, withinMs: WITHIN_MS },
    )
    expectNothingSealed()
  })

  test('of the answers of the GitHub API', { timeout: 600_000 }, async () => {
    const { github, judgeGithub } = await withGithub({ SHA256SUMS: GENUINE.sums })
    await assertRuns(
      fc.asyncProperty(damages, async (how) => {
        github.garble((text) => damaged(Buffer.from(text), how))
        await judgeGithub()
      }),
      0.2,
      { runs: 500, withinMs: WITHIN_MS },
    )
    expectNothingSealed()
  })
})
