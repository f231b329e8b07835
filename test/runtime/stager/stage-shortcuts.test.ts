/** The ways round a proof that were found once: each with the name of the threat it was. */

import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { floorProblem } from '../../../src/core/version-gate.ts'
import { newDelivery } from '../../../src/runtime/stager/delivery.ts'
import type { StorePaths } from '../../../src/store/layout.ts'
import { finishStaging } from '../../../src/store/seal.ts'
import { publish, script } from '../../support/builds.ts'
import { serveSite } from '../../support/site.ts'
import { jobFor, runJob, temporaryFolder, temporaryStore } from '../../support/stores.ts'
import { until } from '../../support/until.ts'

let store: StorePaths

beforeEach(async () => {
  store = await temporaryStore()
})

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

function delivery(name: string, size: number | null = null) {
  const folder = join(store.tmp, name)
  mkdirSync(folder)
  const keeper = {} as Parameters<typeof newDelivery>[0]['keeper']
  const options = {
    folder,
    partials: store.tmp,
    source: 'https://example.org/app',
    maxBytes: 1e6,
    size,
    keeper,
    onBytes: () => undefined,
  }
  return newDelivery(options)
}

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

async function* cutAfter(text: string): AsyncGenerator<Uint8Array> {
  yield* pieces(text)
  throw Object.assign(new Error('cut'), { code: 'ECONNRESET' })
}

async function* broken(why: string): AsyncGenerator<Uint8Array> {
  yield* pieces()
  throw new Error(why)
}

test('two jobs for one release never write to one file: what was verified stays as it was', async () => {
  const cut = delivery('cut')
  const failing = async function* () {
    yield* pieces('good ')
    throw Object.assign(new Error('cut'), { code: 'ECONNRESET' })
  }
  let asked = 0
  await expect(
    cut.sink.artifact(
      async (from) => ({
        from,
        bytes: asked++ === 0 ? failing() : broken('gone'),
      }),
      'etag',
    ),
  ).rejects.toThrow('gone')

  let goOn: () => void = () => undefined
  const waiting = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const first = delivery('first')
  const second = delivery('second')
  let hasTaken: () => void = () => undefined
  const taken = new Promise<void>((resolve) => {
    hasTaken = resolve
  })
  const slow = second.sink.artifact(async (from) => {
    expect(from).toBe(5)
    hasTaken()
    return {
      from,
      bytes: (async function* () {
        await waiting
        yield* pieces('evil!')
      })(),
    }
  }, 'etag')
  await taken
  await first.sink.artifact(async (from) => {
    // The other one has taken what there was.
    expect(from).toBe(0)
    return { from, bytes: pieces('good ', 'bytes') }
  }, 'etag')
  const verified = first.delivered()
  expect(verified).toMatchObject({ sha256: sha256('good bytes') })
  goOn()
  await slow
  expect(readFileSync(verified!.path, 'utf8')).toBe('good bytes')
})

test('there is never more than one cut download on disk', async () => {
  for (const identity of ['one', 'two', 'three']) {
    const one = delivery(`job-${identity}`)
    const bytes = async function* () {
      yield* pieces(identity)
      throw new Error('cut')
    }
    await expect(
      one.sink.artifact(
        async (from) => ({
          from,
          bytes: from === 0 ? bytes() : broken('cut'),
        }),
        identity,
      ),
    ).rejects.toThrow('cut')
  }
  expect(readdirSync(store.tmp).filter((name) => name.startsWith('partial-'))).toHaveLength(1)
})

/** A job whose download ends after these texts: with a broken connection, or well. */
async function fetchOnce(job: string, identity: string, texts: string[], isCut: boolean): Promise<void> {
  const bytes = async function* () {
    yield* pieces(...texts)
    if (isCut) throw new Error('cut')
  }
  let asked = 0
  const done = delivery(job).sink.artifact(
    async (from) => ({ from, bytes: asked++ === 0 ? bytes() : broken('cut') }),
    identity,
  )
  if (isCut) await expect(done).rejects.toThrow('cut')
  else await done
}

const partials = () => readdirSync(store.tmp).filter((name) => name.startsWith('partial-'))

test('a cut download of which nothing came takes the place of none', async () => {
  await fetchOnce('first', 'one', ['something'], true)
  const before = partials()
  expect(before).toHaveLength(1)
  await fetchOnce('second', 'two', [], true)
  expect(partials()).toEqual(before)
})

test('a download that was cut after its last byte is not asked for again', async () => {
  const whole = { kind: 'artifact', size: 9, sha256: sha256('the bytes') }
  let asked = 0
  const open = async (from: number) => ({ from, bytes: asked++ === 0 ? cutAfter('the bytes') : broken('gone') })
  const inOneJob = delivery('cut', 9)
  await inOneJob.sink.artifact(open, 'etag')
  expect(inOneJob.delivered()).toMatchObject(whole)
  expect(asked).toBe(1)

  asked = 0
  await expect(delivery('killed').sink.artifact(open, 'etag')).rejects.toThrow('gone')
  const inTheNext = delivery('next', 9)
  await inTheNext.sink.artifact(() => Promise.reject(new Error('asked')), 'etag')
  // It may be of two files, so what vouches for it is asked before it is taken.
  expect(inTheNext.delivered()).toMatchObject({ ...whole, isPieced: true })
})

test('a download that came whole leaves no older one that was cut', async () => {
  await fetchOnce('first', 'one', ['something'], true)
  await fetchOnce('second', 'two', ['all of it'], false)
  expect(partials()).toEqual([])
})

test.each(['1.10', '2026.11.02', 'main'])(
  'a source with an order cannot get round the floor by calling its release %s',
  (version) => {
    const rule = { allowDowngrade: false, pinned: null }
    expect(floorProblem({ version, ordered: true, digest: null }, null, rule)).toContain('is no version')
    expect(floorProblem({ version, ordered: false, digest: null }, null, rule)).toBeNull()
  },
)

test('threat: a tree in the place of an artifact, for which nothing of what was gathered is checked', async () => {
  const plugin = join(await temporaryFolder(), 'plugin.mjs')
  for (const [isTree, deliver] of [
    [false, "into.tree(async (path) => fs.writeFileSync(path + '/app', '#!/bin/sh\\n', { mode: 0o755 }))"],
    [true, 'into.artifact(async () => ({ from: 0, bytes: [Buffer.from("#!/bin/sh\\n")] }), null)'],
  ] as const) {
    writeFileSync(
      `${plugin}-${isTree}.mjs`,
      `import fs from 'node:fs'
const release = { version: '1.0.0', name: 'app', size: null, digest: 'sha256-${'0'.repeat(64)}', ordered: true, isTree: ${isTree} }
export default {
  scheme: 'x',
  check: async () => ({ kind: 'release', release, known: 1 }),
  fetch: async (context, release, into) => { await ${deliver} },
}
`,
    )
    const verdict = await runJob(jobFor(store, `${plugin}-${isTree}.mjs`))
    expect(verdict).toMatchObject({ type: 'error', message: expect.stringContaining('another kind of thing') })
  }
})

test('threat: the digest of somebody else, announced for a tree that is refused', async () => {
  const plugin = join(await temporaryFolder(), 'plugin.mjs')
  writeFileSync(
    plugin,
    `import fs from 'node:fs'
const release = { version: '1.0.0', name: 'app', size: null, digest: 'sha256-${'a'.repeat(64)}', ordered: true, isTree: true }
export default {
  scheme: 'x',
  check: async () => ({ kind: 'release', release, known: 1 }),
  fetch: (context, release, into) => into.tree(async (path) => fs.symlinkSync('/etc', path + '/app')),
}
`,
  )
  const verdict = await runJob(jobFor(store, plugin))
  expect(verdict).toMatchObject({ type: 'refused', id: null, reason: expect.stringContaining('app') })
})

test('threat: checksums that changed since the same bytes were staged', async () => {
  const site = await serveSite()
  const bytes = '#!/bin/sh\n'
  site.put('/app', bytes)
  site.put('/SHA256SUMS', `${sha256(bytes)}  app\n`)
  const verdict = await runJob(jobFor(store, `${site.origin}/app`))
  if (verdict.type !== 'staged' || verdict.directory === null) throw new Error(JSON.stringify(verdict))
  await finishStaging(store, verdict.directory)
  expect(await runJob(jobFor(store, `${site.origin}/app`))).toMatchObject({ type: 'staged', directory: null })
  site.put('/SHA256SUMS', `${'0'.repeat(64)}  app\n`)
  const later = await runJob(jobFor(store, `${site.origin}/app`))
  expect(later).toMatchObject({ type: 'refused', reason: expect.stringContaining('SHA256SUMS says 0000') })
})

test('threat: what this host lacks is held against no digest, and its bytes are taken once it is there', async () => {
  const folder = await temporaryFolder()
  const interpreter = join(folder, 'interpreter')
  publish(join(folder, 'app'), script(`#!${interpreter}\n`))
  const stage = () =>
    until('it is still', async () => {
      const verdict = await runJob(jobFor(store, `file:${join(folder, 'app')}`))
      return verdict.type === 'incomplete' ? null : verdict
    })
  expect(await stage()).toMatchObject({ type: 'refused', id: null, reason: expect.stringContaining('is not here') })
  symlinkSync('/bin/sh', interpreter)
  expect(await stage()).toMatchObject({ type: 'staged' })
})
