/**
 * Damage in every place and of many kinds: what comes of it is always a reason or the same files, never a crash, never
 * a hang, never a file outside. Bounded in time, or, with `FUZZ_RUNS=100000` in the environment, in number.
 */

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { inParallel } from '../../src/system/parallel.ts'
import { listTree, removeTree } from '../../src/system/tree.ts'
import { type Unpacked, unpack } from '../../src/trust/archive.ts'
import { digestOf } from '../../src/trust/digest.ts'
import type { Kind } from '../../src/trust/kinds.ts'
import { TRUST_LIMITS } from '../../src/trust/limits.ts'
import { assertRuns, damaged, damages, flipped } from '../support/damage.ts'
import { findProgram } from '../support/requirements.ts'
import { jobFor, runJob, temporaryFolder, temporaryStore } from '../support/stores.ts'
import { pack, tar } from '../support/tar.ts'
import { zip } from '../support/zip.ts'

const BOUND_MS = 6_000
/** Whatever it is given, one archive of a few kilobytes is judged in this time. */
const HANG_MS = 10_000

let folder: string
let turn = 0

beforeEach(async () => {
  folder = await temporaryFolder()
})

const program = '#!/bin/sh\nexit 0\n'
const entries = [
  { path: 'app/', type: 'Directory' as const },
  { path: 'app/bin/app', data: program, mode: 0o755 },
  { path: 'app/README', data: 'hello '.repeat(60) },
  { path: 'app/run', type: 'SymbolicLink' as const, linkpath: 'bin/app' },
]
const plain = tar(...entries)
const zipped = zip([
  { path: 'app/', mode: null },
  { path: 'app/bin/app', data: program, mode: 0o100755 },
  { path: 'app/README', data: 'hello '.repeat(60) },
  { path: 'app/run', data: 'bin/app', mode: 0o120777 },
])

/** A zip keeps modes in one place only: with its mode damaged, a link is a file with the target in it. */
const targetDigest = createHash('sha256').update('bin/app').digest('hex')

/** Gives what it came to; throws what must not be. */
async function judge(kind: Kind, bytes: Buffer): Promise<Unpacked | string> {
  const home = join(folder, `case-${turn++}`)
  const archive = join(folder, 'archive')
  writeFileSync(archive, bytes)
  const folders = { work: `${home}-work`, tree: `${home}-tree` }
  let timer: NodeJS.Timeout | undefined
  const hang = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('it hangs')), HANG_MS)
  })
  try {
    const limits = { ...TRUST_LIMITS, treeBytes: 1_000_000, entries: 100 }
    const result = await Promise.race([unpack(archive, kind, folders, limits), hang])
    if ('problem' in result) {
      expect(result.problem).toMatch(/^\S.{3,}$/u)
      expect(result.problem).not.toMatch(/\p{Cc}/u)
      expect(result.problem.length).toBeLessThan(600)
      return result.problem
    }
    const found = (await listTree(folders.tree)).entries.filter(({ kind }) => kind !== 'directory')
    expect(found.map(({ path, kind }) => `${kind} ${path}`).sort()).toEqual(
      [...result.digests.keys()].map((path) => `file ${path}`).sort(),
    )
    for (const { path } of found) {
      const { hex } = await digestOf(join(folders.tree, path), ['sha256'])
      expect(hex.sha256).toBe(result.digests.get(path))
    }
    return result
  } finally {
    clearTimeout(timer)
    await removeTree(folders.work)
    await removeTree(folders.tree)
    expect(readdirSync(folder).filter((name) => name !== 'archive')).toEqual([])
  }
}

function packers(): [string, Kind, Buffer, number][] {
  const all: [string, Kind, Buffer, number][] = [
    ['tar', { form: 'tar', compression: null }, plain, 700],
    ['tar.gz', { form: 'tar', compression: 'gzip' }, gzipSync(plain), 600],
    ['zip', { form: 'zip', compression: null }, zipped, 700],
  ]
  for (const compression of ['xz', 'zstd', 'bzip2'] as const) {
    if (findProgram(compression) === null) continue
    all.push([compression, { form: 'tar', compression }, pack(compression, plain), 60])
  }
  return all
}

const sum = packers().reduce((total, [, , , runs]) => total + runs, 0)

describe.each(packers())('%s', (name, kind, bytes, runs) => {
  test('that is damaged anyhow is refused with a reason, or holds the same files', { timeout: 120_000 }, async () => {
    const good = await judge(kind, bytes)
    if (typeof good === 'string') throw new Error(good)
    const known = new Set([...good.digests.values(), targetDigest])
    await assertRuns(
      fc.asyncProperty(damages, async (all) => {
        const result = await judge(kind, damaged(bytes, all))
        // A tar has no checksum of what it holds; the digest of the artifact is what protects it.
        if (typeof result === 'string' || name === 'tar') return
        for (const digest of result.digests.values()) expect(known).toContain(digest)
      }),
      runs / sum,
      { runs, withinMs: BOUND_MS },
    )
  })
})

test('an artifact with any one byte flipped is never staged as the one asked for', { timeout: 120_000 }, async () => {
  const store = await temporaryStore()
  const bytes = gzipSync(tar({ path: 'app', data: program, mode: 0o755 }))
  const good = join(folder, 'app.tar.gz')
  writeFileSync(good, bytes)
  const sha256 = (await digestOf(good, ['sha256'])).hex.sha256!
  const paths = [...flipped(bytes)].map((copy, at) => {
    const path = join(folder, `${at}.tar.gz`)
    writeFileSync(path, copy)
    return path
  })
  await inParallel(paths, 8, async (path) => {
    const verdict = await runJob(jobFor(store, `file:${path}`, { sha256 }))
    expect(verdict).toMatchObject({ type: 'refused', reason: expect.stringContaining('and --sha256 says') })
  })
  expect(readdirSync(store.tmp)).toEqual([])
  expect(readdirSync(store.builds)).toEqual([])
  expect(await runJob(jobFor(store, `file:${good}`, { sha256 }))).toMatchObject({ type: 'staged' })
  expect(readFileSync(good).equals(bytes)).toBe(true)
})

test('an archive with any one byte flipped, and nothing asked for, is refused or the same', {
  timeout: 120_000,
}, async () => {
  for (const [name, kind, bytes] of packers().slice(1, 3)) {
    const good = (await judge(kind, bytes)) as Unpacked
    for (const copy of flipped(bytes)) {
      const result = await judge(kind, copy)
      if (typeof result === 'string') continue
      const known = new Set([...good.digests.values(), targetDigest])
      for (const digest of result.digests.values()) expect(known, name).toContain(digest)
    }
  }
})
